"""/healthz, /readyz and /metrics."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from streams.gateway.answers import error_response, json_response
from streams.gateway.security import require

Checks = Mapping[str, Callable[[], str | None]]
"""What must hold before traffic comes: name -> None, or the reason why it does not."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def healthz(_: Request) -> Response:
    """200 while the process answers at all."""
    return json_response({"status": "alive"})


async def readyz(_: Request, *, checks: Checks) -> Response:
    """200 where every check holds, otherwise 503 with each reason."""
    reasons = {name: reason for name, check in checks.items() if (reason := check()) is not None}
    if not reasons:
        return json_response({"status": "ready"})
    message = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return error_response(503, "not_ready", message, reasons=reasons, headers={"Retry-After": "1"})


async def metrics(request: Request, *, text: Callable[[], bytes], public: bool) -> Response:
    """The metrics of this machine's roles, for keys with `monitor` unless they are public."""
    if not public:
        require(request, "monitor")
    return Response(text(), media_type=METRICS_TYPE)
