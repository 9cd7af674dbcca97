"""Shadow: the champion answers, and candidates are tried on copies of the requests, off their path."""

from typing import ClassVar

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Mirrored
from schemas.routes import RoutePlan


class Shadow(Mirrored):
    """Arm `champion` with weight 1 and one or more others with weight 0, all of different versions.

    mirror: the share of the entities whose requests are copied.
    """

    name: ClassVar[str] = "shadow"
    needs: ClassVar[tuple[Measure, ...]] = ("errors", "disagreement", "slow")

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        arms = (*checks.several(plan), *checks.begins(plan, "champion"), *checks.distinct_names(plan))
        checks.refuse(plan, arms, checks.distinct_versions(plan), checks.first_answers(plan))
