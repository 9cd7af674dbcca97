"""Champion: one model answers everything."""

from collections.abc import Mapping

from models.bundle import Bundle
from models.routing.base import Routed
from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe


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
