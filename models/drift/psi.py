"""Population stability index."""

from typing import ClassVar

import numpy as np

from models.drift.base import KINDS, Distribution, Kind, Measured
from models.drift.histogram import filled


class PSI:
    """The sum of `(r - c) * ln(r / c)` over common bins, shares of 0 filled; Evidently's definition, bins included."""

    name: ClassVar[str] = "psi"
    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    threshold: ClassVar[float | None] = 0.1

    def measure(self, current: Distribution) -> Measured:
        reference, now = map(filled, current.shares)
        return Measured(float(np.sum((reference - now) * np.log(reference / now))))
