"""The routes that say how the gateway is, and what it is."""

from streams.contract.bodies import Alive, Error, Ready
from streams.contract.common import TEXT, guarded, open_to_all
from streams.contract.operation import Answer, Operation

OBJECT = {"type": "object"}

HEALTHZ = Operation(
    "GET", "/healthz", "isAlive", "health", "Whether the process answers", None,
    open_to_all(Answer(200, "It does.", Alive, example={"status": "alive"})),
)  # fmt: skip
READYZ = Operation(
    "GET", "/readyz", "isReady", "health", "Whether the gateway can serve", None,
    open_to_all(
        Answer(200, "It can.", Ready, example={"status": "ready"}),
        Answer(503, "It cannot: `reasons` says why.", Error, ("Retry-After",)),
    ),
)  # fmt: skip
METRICS = Operation(
    "GET", "/metrics", "getMetrics", "health", "Metrics of this machine's roles", "monitor",
    guarded("monitor", Answer(200, "Prometheus text.", TEXT, media="text/plain", example="up 1\n")),
    about="With METRICS_PUBLIC=true it asks for no key.",
)  # fmt: skip
OPENAPI = Operation(
    "GET", "/openapi.json", "getOpenApi", "description", "These routes in OpenAPI 3.1", None,
    open_to_all(Answer(200, "The description.", OBJECT)),
)  # fmt: skip
ASYNCAPI = Operation(
    "GET", "/asyncapi.json", "getAsyncApi", "description", "The topics in AsyncAPI 3.0", None,
    open_to_all(Answer(200, "The description.", OBJECT)),
)  # fmt: skip
PAGE = Operation(
    "GET", "/docs", "getReference", "description", "These routes as a page", None,
    open_to_all(Answer(200, "The page.", TEXT, ("Content-Security-Policy",), media="text/html")),
)  # fmt: skip

OPERATIONS = (HEALTHZ, READYZ, METRICS, OPENAPI, ASYNCAPI, PAGE)
