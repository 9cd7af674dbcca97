"""Champion: one model answers everything."""

from collections.abc import Mapping
from typing import ClassVar

from models.bundle import Bundle
from models.routing import checks
from models.routing.base import Measure, Routed
from models.routing.split import Split
from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from schemas.routes import RoutePlan


class Champion(Split):
    """One arm `champion` with weight 1; it has no candidate."""

    name: ClassVar[str] = "champion"
    needs: ClassVar[tuple[Measure, ...]] = ()

    @staticmethod
    def check(plan: RoutePlan) -> None:
        """Raises InvalidRequest naming every wrong field."""
        checks.refuse(plan, checks.named(plan, "champion"), checks.first_answers(plan), checks.unmirrored(plan))


class ChampionRoutes:
    """A champion for each model name; a request may leave the name out where there is only one."""

    def __init__(self, champions: Mapping[str, Bundle], epoch: int = 1) -> None:
        self._routes = {
            name: Routed(bundle, "champion", "champion", epoch) for name, bundle in sorted(champions.items())
        }
        self._only = next(iter(self._routes.values())) if len(self._routes) == 1 else None

    def route(self, model: str | None, entity: str) -> Routed:
        """The model for a request, whoever the entity. Raises InvalidRequest naming the known models."""
        routed = self._only if model is None else self._routes.get(model)
        if routed is not None:
            return routed
        known = ", ".join(self._routes) or "none"
        reason = f"is not served; known are {known}" if model is not None else f"say which of {known}"
        raise InvalidRequest(f"model {reason}", [FieldError("model", reason, describe(model))])
