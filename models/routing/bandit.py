"""Bandit: versions that do well on labels get a larger share of the entities.

Thompson sampling in allocation form. A bandit that draws at random for each request, as those of `river.bandit` do,
would answer the same request differently when it is repeated. So the chance is integrated instead: an arm's weight is
the probability that it is the best one, a command sets it from time to time, and routing by it stays a hash.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Split
from schemas.routes import Arm, RoutePlan

FLOOR = 0.02
"""What an arm keeps however badly it does: without answers it could never show that it has improved."""

Floats = npt.NDArray[np.float64]

_QUANTILES = 500
"""Steps of each posterior at which all are compared."""


class Bandit(Split):
    """Two or more arms of any names and different versions, whose weights sum to 1."""

    name: ClassVar[str] = "bandit"
    needs: ClassVar[tuple[Measure, ...]] = ("loss",)

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        arms = (*checks.several(plan), *checks.distinct_names(plan), *checks.distinct_versions(plan))
        checks.refuse(plan, arms, checks.shared(plan), checks.unmirrored(plan))

    @staticmethod
    def candidate(plan: RoutePlan) -> Arm | None:
        """Beside the champion that of the largest weight, of equals the first: here weights say who is best."""
        return max(plan.arms[1:], key=lambda arm: arm.weight, default=None)


def weights(rewards: Mapping[str, tuple[float, float]], floor: float = FLOOR) -> dict[str, float]:
    """Arm -> its weight: the probability that it is the best, mixed with `floor` for every arm; they sum to 1.

    rewards: arm -> (successes, failures) on labels, fractions of one among them where a reward is between 0 and 1. Each
    arm's rate of success is taken as Beta(1 + successes, 1 + failures). Raises ValueError for a negative count, and for
    a floor that the arms cannot all have. Source: Scott, "A modern Bayesian look at the multi-armed bandit" (2010).
    """
    if any(count < 0 for counts in rewards.values() for count in counts):
        raise ValueError("counts of successes and failures cannot be negative")
    if not 0 <= floor * len(rewards) <= 1:
        raise ValueError(f"{len(rewards)} arms cannot have {floor} each")
    best = _chances_to_be_best(np.array(list(rewards.values()), dtype=np.float64).reshape(-1, 2))
    mixed = floor + (1 - floor * len(rewards)) * best
    return dict(zip(rewards, mixed.tolist(), strict=True))


def _chances_to_be_best(rewards: Floats) -> Floats:
    """For each arm of [n, 2] the integral of the others' distribution functions over its own; [n]."""
    # Whoever routes imports this file, and only who weighs a bandit needs these.
    from scipy.special import betainc, betaincinv

    a, b = (1 + rewards).T[:, :, None]
    # Points where any posterior rises: none is too narrow to be seen.
    points = np.unique(betaincinv(a, b, np.linspace(0, 1, _QUANTILES + 1)))
    below = betainc(a, b, points)
    others = np.stack([np.delete(below, arm, axis=0).prod(axis=0) for arm in range(len(below))])
    best = (np.diff(below) * (others[:, 1:] + others[:, :-1]) / 2).sum(axis=1)
    return np.asarray(best / best.sum(), dtype=np.float64)
