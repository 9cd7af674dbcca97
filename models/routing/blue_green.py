"""Blue-green: one of two versions answers everything, and a promotion switches to the other at once."""

from typing import ClassVar

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Split, check_version
from schemas.routes import RoutePlan


class BlueGreen(Split):
    """Arms `blue` and `green` of different versions: the first is live with weight 1, the other idle with 0.

    Which colour is live is told by the order, as the first arm is the champion everywhere: after a switch the plan
    begins with the other.
    """

    name: ClassVar[str] = "blue_green"
    needs: ClassVar[tuple[Measure, ...]] = ()

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        first, *others = [arm.name for arm in plan.arms]
        is_switched = first == "green" or (first != "blue" and others == ["blue"])
        arms = checks.named(plan, *(("green", "blue") if is_switched else ("blue", "green")))
        checks.refuse(plan, arms, checks.distinct_versions(plan), checks.first_answers(plan), checks.unmirrored(plan))

    @staticmethod
    def promoted(plan: RoutePlan, version: str) -> RoutePlan:
        """The same arms, with that of this version live. Raises InvalidRequest where no arm has it."""
        check_version(plan, version)
        arms = sorted(plan.arms, key=lambda arm: arm.version != version)
        switched = tuple(arm.model_copy(update={"weight": 0.0 if place else 1.0}) for place, arm in enumerate(arms))
        return plan.model_copy(update={"arms": switched})
