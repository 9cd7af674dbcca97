"""Champion: one model answers everything."""

from typing import ClassVar

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Split
from schemas.routes import RoutePlan


class Champion(Split):
    """One arm `champion` with weight 1; it has no candidate."""

    name: ClassVar[str] = "champion"
    needs: ClassVar[tuple[Measure, ...]] = ()

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        checks.refuse(plan, checks.named(plan, "champion"), checks.first_answers(plan), checks.unmirrored(plan))
