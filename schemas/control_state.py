"""What the control plane knows: every route, and every version that was announced."""

import logging
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.masked import masked
from schemas.registry import RegistryEntry
from schemas.routes import Route

_log = logging.getLogger("weir.control")
Message = TypeVar("Message", bound=BaseModel)


class ControlState(BaseModel):
    """All routes by model, and all versions that were announced by `name/version`.

    removed: the routes of models that are served no more.
    """

    model_config = ConfigDict(frozen=True)

    routes: dict[str, Route] = {}
    entries: dict[str, RegistryEntry] = {}
    removed: dict[str, Route] = {}

    def last(self, model: str) -> Route | None:
        """The route of a model, also where it is removed."""
        return self.routes.get(model) or self.removed.get(model)

    def with_route(self, route: Route) -> Self:
        routes, removed = dict(self.routes), dict(self.removed)
        for table in (routes, removed):
            table.pop(route.model, None)
        (removed if route.is_removed else routes)[route.model] = route
        return self.model_copy(update={"routes": routes, "removed": removed})

    def with_entry(self, entry: RegistryEntry) -> Self:
        return self.model_copy(update={"entries": {**self.entries, entry.key: entry}})


class RouteTable:
    """Model -> route, fed record by record from `model-routes`; an older epoch never takes a newer one's place, and of
    one epoch the first stays.

    removed: the routes of models that are served no more. overtaken: the models whose last record is another than the
    one that holds, as an agent wrote it that had lost its place: compaction would keep it and forget the other.
    """

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.removed: dict[str, Route] = {}
        self.overtaken: set[str] = set()

    def last(self, model: str) -> Route | None:
        """The route of a model, also where it is removed."""
        return self.routes.get(model) or self.removed.get(model)

    def update(self, model: str, value: bytes | None) -> bool:
        """Takes over one record, a route as JSON, or None, which removes it. False where it changes nothing."""
        if value is None:
            return self._forget(model) is not None
        route = _read(Route, model, value)
        if route is None or route.model != model:
            return False
        known = self.last(model)
        if known is not None and known.epoch >= route.epoch:
            (self.overtaken.discard if known == route else self.overtaken.add)(model)
            return False
        self._forget(model)
        (self.removed if route.is_removed else self.routes)[model] = route
        return True

    def _forget(self, model: str) -> Route | None:
        self.overtaken.discard(model)
        return self.routes.pop(model, None) or self.removed.pop(model, None)


class Registry:
    """`name/version` -> entry, fed record by record from `model-registry`."""

    def __init__(self) -> None:
        self.entries: dict[str, RegistryEntry] = {}

    def update(self, key: str, value: bytes | None) -> bool:
        """Takes over one record, an entry as JSON, or None, which removes it. False where it changes nothing."""
        if value is None:
            return self.entries.pop(key, None) is not None
        entry = _read(RegistryEntry, key, value)
        if entry is None or entry.key != key:
            return False
        self.entries[key] = entry
        return True


def _read(form: type[Message], key: str, value: bytes) -> Message | None:
    try:
        return form.model_validate_json(value)
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "body" for item in error.errors()})
        named = masked(key)[:64]
        _log.warning("record %r is no %s and is ignored: %s cannot be read", named, form.__name__, ", ".join(fields))
        return None
