"""/router and /models: what is served, and the commands that change it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from schemas.control import Command, Outcome, command_from
from schemas.control_state import ControlState
from schemas.errors import FieldError, InvalidRequest
from schemas.keys import Credential
from schemas.request import describe
from schemas.routes import Route
from schemas.wire import decode
from streams.contract.operation import Endpoints
from streams.contract.route_bodies import VERBS
from streams.contract.routes import (
    CHANGES,
    LIST_MODELS,
    LIST_ROUTES,
    LIST_VERSIONS,
    REMOVE_ROUTE,
    ROUTE_FIGURES,
    ROUTE_HISTORY,
    SET_ROUTE,
    SHADOW_FIGURES,
    SHOW_ROUTE,
)
from streams.gateway.answers import error_response, json_response
from streams.gateway.ask import read_request_id
from streams.gateway.outcomes import answer
from streams.gateway.query import only_known
from streams.gateway.security import read_body, require

MAX_BYTES = 64 * 1024
Give = Callable[[Credential, Command, str], Awaitable[Outcome]]
"""Gives a command in the name of a key, under a request id. Raises Unavailable."""
Figures = Callable[[Route], Awaitable[dict[str, Any]]]
"""What Postgres has about a route. Raises Unavailable."""


class Served(Protocol):
    """What is served, as this gateway knows it."""

    @property
    def state(self) -> ControlState:
        """Raises Unavailable until it is read."""
        ...


def router_routes(served: Served, give: Give, metrics: Figures, shadow: Figures) -> Endpoints:
    """The routes of routes and models, bound to what they need."""
    looking = partial(partial, served=served)
    changing = partial(partial, served=served, give=give)
    return {
        LIST_ROUTES: looking(list_routes),
        ROUTE_FIGURES: partial(figures, served=served, ask=metrics),
        SHADOW_FIGURES: partial(figures, served=served, ask=shadow),
        **{operation: changing(change, verb=verb) for verb, operation in CHANGES.items()},
        SHOW_ROUTE: looking(show_route),
        SET_ROUTE: changing(set_route),
        REMOVE_ROUTE: changing(remove_route),
        ROUTE_HISTORY: looking(history),
        LIST_MODELS: looking(list_models),
        LIST_VERSIONS: looking(list_versions),
    }


async def list_routes(request: Request, *, served: Served) -> Response:
    """Every route as it is now."""
    require(request, "monitor")
    routes = served.state.routes
    return json_response({"routes": [routes[model].public() for model in sorted(routes)]})


async def show_route(request: Request, *, served: Served) -> Response:
    """One route as it is now."""
    require(request, "monitor")
    route = served.state.routes.get(request.path_params["name"])
    return _no_route(served.state) if route is None else json_response(route.public())


async def history(request: Request, *, served: Served) -> Response:
    """A route's last changes, the newest first."""
    require(request, "monitor")
    route = served.state.routes.get(request.path_params["name"])
    if route is None:
        return _no_route(served.state)
    revisions = [revision.model_dump(mode="json") for revision in reversed(route.revisions)]
    return json_response({"model": route.model, "revisions": revisions})


async def figures(request: Request, *, served: Served, ask: Figures) -> Response:
    """What was counted on the route that `?model=` names, or on the only one."""
    require(request, "monitor")
    named = only_known(request.query_params, ROUTE_FIGURES.query_names).get("model")
    route = served.state.routes.get(_model(served.state, named))
    return _no_route(served.state) if route is None else json_response(await ask(route))


async def list_models(request: Request, *, served: Served) -> Response:
    """Every model that was announced or is routed, with its versions."""
    require(request, "monitor")
    state = served.state
    names = sorted({*state.routes, *(entry.name for entry in state.entries.values())})
    return json_response({"models": [{"name": name, "versions": _versions(state, name)} for name in names]})


async def list_versions(request: Request, *, served: Served) -> Response:
    """The versions of one model, each with what it does in the route."""
    require(request, "monitor")
    name = request.path_params["name"]
    versions = _versions(served.state, name)
    if not versions:
        known = ", ".join(sorted({entry.name for entry in served.state.entries.values()})) or "none"
        return error_response(404, "not_found", f"no model {name[:100]}; known are {known}")
    return json_response({"name": name, "versions": versions})


async def set_route(request: Request, *, served: Served, give: Give) -> Response:
    """Another plan for a model: strategy and arms, with `if_epoch` and `reason` beside them."""
    credential = require(request, "admin")
    request.state.request_id = request_id = read_request_id(request.headers)
    only_known(request.query_params, ())
    body = _object(await read_body(request, MAX_BYTES))
    beside: dict[str, Any] = {name: body.pop(name) for name in ("if_epoch", "reason") if name in body}
    command = command_from({"command": "set_route", "model": request.path_params["name"], "plan": body, **beside})
    return answer(await give(credential, command, request_id))


async def remove_route(request: Request, *, served: Served, give: Give) -> Response:
    """The model is served no more; a second time changes nothing."""
    credential = require(request, "admin")
    request.state.request_id = request_id = read_request_id(request.headers)
    fields: dict[str, Any] = dict(only_known(request.query_params, REMOVE_ROUTE.query_names))
    with suppress(KeyError, ValueError):  # a query is text; what is no number is told by the command
        fields["if_epoch"] = int(fields["if_epoch"])
    command = command_from({"command": "remove_route", "model": request.path_params["name"], **fields})
    return answer(await give(credential, command, request_id))


async def change(request: Request, *, served: Served, give: Give, verb: str) -> Response:
    """Promote, roll back or ramp the route of `model`, or the only one; a second time changes nothing."""
    credential = require(request, "admin")
    request.state.request_id = request_id = read_request_id(request.headers)
    only_known(request.query_params, ())
    body = _object(await read_body(request, MAX_BYTES) or b"{}")
    only_known(body, tuple(VERBS[verb].model_fields))
    model = body.pop("model", None)
    fields: dict[str, Any] = {"command": verb, "model": _model(served.state, model), **body}
    command = command_from(fields)
    return answer(await give(credential, command, request_id))


def _object(body: bytes) -> dict[str, Any]:
    value = decode(body)
    if not isinstance(value, dict):
        raise InvalidRequest("the body is no object", [FieldError("body", "must be an object", describe(value))])
    return value


def _model(state: ControlState, named: Any) -> Any:
    """The model that is named, or the only one there is. Raises InvalidRequest where it has to be named."""
    if named is not None:
        return named
    if len(state.routes) == 1:
        return next(iter(state.routes))
    reason = f"must be given; known are {', '.join(sorted(state.routes)) or 'none'}"
    raise InvalidRequest(f"model {reason}", [FieldError("model", reason, "nothing")])


def _versions(state: ControlState, name: str) -> list[dict[str, Any]]:
    route = state.routes.get(name)
    arms = {arm.version: arm for arm in route.plan.arms} if route else {}
    return [
        {
            **entry.model_dump(mode="json", exclude={"command_id"}),
            "arm": arms[entry.version].name if entry.version in arms else None,
            "weight": arms[entry.version].weight if entry.version in arms else None,
        }
        for entry in state.entries.values()
        if entry.name == name
    ]


def _no_route(state: ControlState) -> Response:
    known = ", ".join(sorted(state.routes)) or "none"
    return error_response(404, "not_found", f"no route of this model; known are {known}")
