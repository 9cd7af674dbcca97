"""The caller's token bucket on every authenticated response, whatever its status."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.keys import ApiKey
from streams.gateway.answers import rate_headers
from streams.gateway.pending import RateState
from streams.gateway.security import Clock

HOUR_S = 3600
POLICY = "hourly"

Peek = Callable[[ApiKey], Awaitable[RateState]]
"""A key's bucket as it is now, charging nothing."""


class Quota:
    """Adds `X-RateLimit-*`, and what the IETF's draft of RateLimit headers names them.

    The scorer's reply brings the bucket's state along; any other response peeks. Stands outside of what answers for
    bugs, so that a 500 has them too. peek: None where limits are switched off: nothing is told but by the reply of a
    scorer that does limit.
    """

    def __init__(self, app: ASGIApp, *, peek: Peek | None, clock: Clock) -> None:
        self._app = app
        self._peek = peek
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start" and "credential" in scope.get("state", {}):
                await self._tell(MutableHeaders(scope=message), scope["state"]["credential"].key)
            await send(message)

        await self._app(scope, receive, send_told)

    async def _tell(self, headers: MutableHeaders, key: ApiKey) -> None:
        if "X-RateLimit-Limit" not in headers:
            if self._peek is None:
                return
            headers.update(rate_headers(await self._peek(key)))
        limit, remaining, reset = (int(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))
        wait_s = max(0, reset - int(self._clock().timestamp()))
        headers["RateLimit-Policy"] = f'"{POLICY}";q={limit};w={HOUR_S}'
        headers["RateLimit"] = f'"{POLICY}";r={remaining};t={wait_s}'
