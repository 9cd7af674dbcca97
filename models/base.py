"""What every kind of model is to its bundle."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.signature import FloatVector


class Scorer(Protocol):
    """One loaded model; safe to call from several threads."""

    def score(self, matrix: npt.NDArray[np.float32]) -> FloatVector:
        """What `models.tasks.scores_of` makes of the answers; the same bits for a row whatever shares its batch.

        matrix: float32 [n, n_features].
        """
        ...
