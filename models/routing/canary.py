"""Canary: a small part of the entities is answered by the candidate, step by step a larger one."""

from typing import ClassVar

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Split
from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from schemas.routes import RoutePlan

RAMP = (0.01, 0.05, 0.10, 0.25, 0.50, 1.0)
"""The canary's weight, step by step; at the last it is promoted."""


class Canary(Split):
    """Arms `champion` and `canary`, whose weights sum to 1; their versions differ."""

    name: ClassVar[str] = "canary"
    needs: ClassVar[tuple[Measure, ...]] = ("errors", "slow")

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        arms = checks.named(plan, "champion", "canary")
        checks.refuse(plan, arms, checks.distinct_versions(plan), checks.shared(plan), checks.unmirrored(plan))


def next_step(plan: RoutePlan) -> RoutePlan:
    """A canary's plan with the next weight of RAMP, after the last but one its promotion.

    Raises InvalidRequest where the plan is no canary's.
    """
    if plan.strategy != Canary.name:
        reason = f"has no steps; known are those of {Canary.name}"
        raise InvalidRequest(f"strategy {reason}", [FieldError("strategy", reason, describe(plan.strategy))])
    champion, canary = plan.arms
    weight = next((step for step in RAMP if step > canary.weight), 1.0)
    if weight == 1.0:
        return Canary.promoted(plan, canary.version)
    arms = (champion.model_copy(update={"weight": 1 - weight}), canary.model_copy(update={"weight": weight}))
    return plan.model_copy(update={"arms": arms})
