"""Whether the arms have the entities that the plan's weights give them; if not, no comparison can be trusted.

Entities are counted, not requests: an arm is drawn once for an entity, and all its requests follow. Counts of requests
would differ from the weights by the busiest entities alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp

import numpy as np
import numpy.typing as npt

ALPHA = 0.001
"""The risk that arms which are shared out as planned are ever said not to be."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """planned: each arm's share of the entities. found: how many it has. p_value: holds at every look."""

    planned: Mapping[str, float]
    found: Mapping[str, int]
    p_value: float
    alpha: float = ALPHA

    @property
    def fits(self) -> bool:
        return self.p_value > self.alpha


def sample_ratio(weights: Mapping[str, float], entities: Mapping[str, int]) -> SampleRatio:
    """Compares distinct entities with the weights under which all of them were drawn; arm by arm, none counting as 0.

    The p-value is one over the likelihood ratio of any other shares, all alike, to these (Dirichlet-multinomial).
    Source: Lindon, Malek, "Anytime-valid inference for multinomial count data" (2020).
    """
    total = sum(weights.values()) or 1.0
    planned = {arm: weight / total for arm, weight in weights.items()}
    found = {arm: entities.get(arm, 0) for arm in weights}
    evidence = float(mismatch(np.array(list(planned.values())), np.array(list(found.values()))))
    return SampleRatio(planned, found, exp(-max(evidence, 0.0)))


def mismatch(planned: npt.NDArray[np.float64], found: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Logarithm of the likelihood ratio of any other shares to the planned ones; planned [arms], found [..., arms].

    An arm of no share that has an entity is evidence without end.
    """
    from scipy.special import gammaln, xlogy

    arms = planned > 0
    strayed = found[..., ~arms].sum(axis=-1) > 0
    counts, shares = found[..., arms], planned[arms]
    mixed = gammaln(counts + 1.0).sum(axis=-1) + gammaln(len(shares)) - gammaln(counts.sum(axis=-1) + len(shares))
    return np.where(strayed, np.inf, mixed - xlogy(counts, shares).sum(axis=-1))
