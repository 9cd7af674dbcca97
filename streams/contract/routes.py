"""The routes of what is served, and of the commands that change it."""

from collections.abc import Mapping

from schemas.control import Outcome
from streams.contract.bodies import Error
from streams.contract.common import IDENTITY, NONE, OF_BODIES, TEXT, WRONG, guarded
from streams.contract.operation import JSON, Answer, Body, Operation, Parameter
from streams.contract.route_bodies import (
    VERBS,
    ModelList,
    ModelShown,
    RouteChange,
    RouteFigures,
    RouteHistory,
    RouteList,
    RouteShown,
    ShadowFigures,
)

MODEL = Parameter("model", TEXT, "The route's model; may be left out where one route exists.")
ENDED = (
    Answer(
        200,
        "It was carried out, or changes nothing.",
        Outcome,
        example={"request_id": "a", "status": "applied"},
        name="Ended",
    ),
    Answer(404, "`unknown_model`: no route of this model.", Error, name="UnknownModel"),
    Answer(
        409,
        "`conflict`: the route is at another epoch; `insufficient_evidence`, `nothing_to_promote`, "
        "`nothing_to_roll_back`, `model_refused`, `in_use`.",
        Error,
        name="Conflict",
    ),
)
PLAN = {
    "strategy": "canary",
    "arms": [
        {"name": "champion", "version": "v1", "weight": 0.9},
        {"name": "canary", "version": "v2", "weight": 0.1},
    ],
    "if_epoch": 1,
    "reason": "v2 is ready",
}

LIST_ROUTES = Operation(
    "GET", "/router", "listRoutes", "routes", "Every route as it is now", "monitor",
    guarded("monitor", Answer(200, "By the model's name.", RouteList, example={"routes": []})),
)  # fmt: skip
ROUTE_FIGURES = Operation(
    "GET", "/router/metrics", "getRouteFigures", "routes", "What was counted on a route's arms", "monitor",
    guarded("monitor", Answer(200, "By arm.", RouteFigures), NONE, WRONG), query=(MODEL,),
)  # fmt: skip
SHADOW_FIGURES = Operation(
    "GET", "/router/shadow-analysis", "getShadowFigures", "routes", "How challengers did beside the champion",
    "monitor", guarded("monitor", Answer(200, "By challenger.", ShadowFigures), NONE, WRONG), query=(MODEL,),
)  # fmt: skip


def _changes(verb: str, summary: str) -> Operation:
    return Operation(
        "POST", f"/router/{verb}", f"{verb}Route", "routes", summary, "admin", guarded("admin", *OF_BODIES, *ENDED),
        headers=IDENTITY, body=Body({JSON: VERBS[verb]}, {JSON: {"model": "churn"}}, required=False),
        about="A second time changes nothing.",
    )  # fmt: skip


CHANGES: Mapping[str, Operation] = {
    "promote": _changes("promote", "Lets the candidate serve everything"),
    "rollback": _changes("rollback", "Undoes the last change"),
    "ramp": _changes("ramp", "Takes a canary's next step"),
}
SHOW_ROUTE = Operation(
    "GET", "/router/{name}", "getRoute", "routes", "One route as it is now", "monitor",
    guarded("monitor", Answer(200, "The route.", RouteShown), NONE),
)  # fmt: skip
SET_ROUTE = Operation(
    "PUT", "/router/{name}", "setRoute", "routes", "Another plan for a model", "admin",
    guarded("admin", *OF_BODIES, *ENDED), headers=IDENTITY, body=Body({JSON: RouteChange}, {JSON: PLAN}),
    about="With `if_epoch` only where the route is at this epoch, 0 where there is none.",
)  # fmt: skip
REMOVE_ROUTE = Operation(
    "DELETE", "/router/{name}", "removeRoute", "routes", "The model is served no more", "admin",
    guarded("admin", *ENDED, WRONG), headers=IDENTITY,
    query=(
        Parameter("if_epoch", {"type": "integer", "minimum": 1}, "Only where the route is at this epoch."),
        Parameter("reason", {"type": "string", "maxLength": 500}, "Why, for the audit event."),
    ),
    about="A second time changes nothing.",
)  # fmt: skip
ROUTE_HISTORY = Operation(
    "GET", "/router/{name}/history", "getRouteHistory", "routes", "A route's last changes", "monitor",
    guarded("monitor", Answer(200, "The newest first.", RouteHistory), NONE),
)  # fmt: skip
LIST_MODELS = Operation(
    "GET", "/models", "listModels", "models", "Every model that was announced or is routed", "monitor",
    guarded("monitor", Answer(200, "By name.", ModelList, example={"models": []})),
)  # fmt: skip
LIST_VERSIONS = Operation(
    "GET", "/models/{name}/versions", "listVersions", "models", "The versions of one model", "monitor",
    guarded("monitor", Answer(200, "The versions, each with its arm in the route.", ModelShown), NONE),
)  # fmt: skip

OPERATIONS = (
    LIST_ROUTES, ROUTE_FIGURES, SHADOW_FIGURES, *CHANGES.values(), SHOW_ROUTE, SET_ROUTE, REMOVE_ROUTE, ROUTE_HISTORY,
    LIST_MODELS, LIST_VERSIONS,
)  # fmt: skip
