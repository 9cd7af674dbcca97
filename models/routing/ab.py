"""A/B: two or more versions answer a fixed share of the entities each, to be compared."""

from typing import ClassVar

from models.routing import checks
from models.routing.base import Measure
from models.routing.split import Split
from schemas.routes import RoutePlan


class AB(Split):
    """Two or more arms of any names, whose weights sum to 1.

    Arms may have the same version: an A/A test shows how far apart two arms come by chance alone, and that the
    comparison finds no difference where there is none.
    """

    name: ClassVar[str] = "ab"
    needs: ClassVar[tuple[Measure, ...]] = ("errors", "slow")

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        arms = (*checks.several(plan), *checks.distinct_names(plan))
        checks.refuse(plan, arms, checks.shared(plan), checks.unmirrored(plan))
