"""Champion-challenger: the champion answers, and both are judged on what became true."""

from typing import ClassVar

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Mirrored
from schemas.routes import RoutePlan


class ChampionChallenger(Mirrored):
    """Arms `champion` with weight 1 and `challenger` with weight 0, of different versions.

    mirror: the share of the entities whose requests the challenger gets copies of.
    """

    name: ClassVar[str] = "champion_challenger"
    needs: ClassVar[tuple[Measure, ...]] = ("errors", "loss")

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        arms = checks.named(plan, "champion", "challenger")
        checks.refuse(plan, arms, checks.distinct_versions(plan), checks.first_answers(plan))
