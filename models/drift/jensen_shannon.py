"""Jensen-Shannon distance."""

from typing import ClassVar

import numpy as np
from scipy.special import rel_entr

from models.drift.base import KINDS, Distribution, Kind, Measured


class JensenShannon:
    """The root of the Jensen-Shannon divergence (natural logarithm, 0..0.83) over common bins; Evidently's definition.

    Source: Endres, Schindelin, "A new metric for probability distributions" (2003).
    """

    name: ClassVar[str] = "jensen_shannon"
    kinds: ClassVar[tuple[Kind, ...]] = KINDS
    threshold: ClassVar[float | None] = 0.1

    def measure(self, current: Distribution) -> Measured:
        reference, now = current.shares
        middle = (reference + now) / 2
        divergence = (rel_entr(reference, middle).sum() + rel_entr(now, middle).sum()) / 2
        return Measured(float(np.sqrt(max(divergence, 0.0))))
