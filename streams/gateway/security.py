"""What every HTTP request passes before its route: limits on headers, the API key, and a net for bugs."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from time import perf_counter
from typing import Protocol

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import Refused, Unavailable, Undecodable
from schemas.headers import MAX_HEADER_BYTES, MAX_HEADERS
from schemas.keys import Credential, looks_like_key
from schemas.wire import MAX_BODY_BYTES
from streams.contract.operations import OPERATIONS
from streams.gateway.answers import crashed, error_response, refuse, unauthorized
from streams.gateway.failures import Failures

BODY_S = 15
"""How long a body may take to arrive."""

Clock = Callable[[], datetime]


Observe = Callable[[str, int, float], None]
"""Told of each response: route, status, seconds."""

ROUTES = frozenset(operation.path.split("/")[1] for operation in OPERATIONS)


class Keys(Protocol):
    """The current keys, by what a caller shows."""

    def by_api_key(self, api_key: str) -> Credential | None:
        """The credential, valid or not, or None where the key is unknown. Raises Unavailable before keys are read."""
        ...

    def line(self, key_id: str) -> str:
        """The id that all keys of a rotated line share."""
        ...


class Shield:
    """The outermost layer: a bug becomes a 500 with an error id, and every response says how to treat it."""

    def __init__(self, app: ASGIApp, *, observe: Observe) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, started = perf_counter(), False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._observe(_route(scope["path"]), message["status"], perf_counter() - began)
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:
            response = crashed(error, scope.get("state", {}).get("request_id"))
            if started:
                raise
            await response(scope, receive, send_marked)


def _route(path: str) -> str:
    """The route's first part, or `other`: callers must not be able to make up metric labels."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return f"/{first}" if first in ROUTES else "other"


class Guard:
    """Lets through who shows a valid key, and anyone to the public paths.

    The credential is left in `request.state`; the key itself goes no further. A source that fails too often is told
    to wait; a valid key from there passes all the same.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, clock: Clock, public: Collection[str], failures: Failures) -> None:
        self._app = app
        self._keys = keys
        self._clock = clock
        self._public = public
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if over := _over_limits(scope["headers"]):
            message = f"at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all are read"
            return await error_response(400, over, message)(scope, receive, send)
        if scope["path"] not in self._public:
            try:
                credential = self._credential(scope)
            except Unavailable as error:
                return await refuse(Request(scope), error)(scope, receive, send)
            if credential is None:
                return await self._refused(scope)(scope, receive, send)
            scope.setdefault("state", {})["credential"] = credential
        return await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> Response:
        source = scope["client"][0] if scope.get("client") else ""
        wait_s = self._failures.add(source)
        if wait_s == 0:
            return unauthorized()
        message = f"too many requests without a valid API key come from here: wait {wait_s} s"
        return error_response(429, "too_many_failures", message, headers={"Retry-After": str(wait_s)})

    def _credential(self, scope: Scope) -> Credential | None:
        shown = [value for name, value in scope["headers"] if name == b"x-api-key"]
        if len(shown) != 1:
            return None
        api_key = shown[0].decode("latin-1")
        credential = self._keys.by_api_key(api_key) if looks_like_key(api_key) else None
        if credential is None or not credential.key.is_valid_at(self._clock()):
            return None
        return credential


def _over_limits(headers: list[tuple[bytes, bytes]]) -> str | None:
    """The reason to refuse them that a Kafka record's headers would have, or None."""
    if len(headers) > MAX_HEADERS:
        return "too_many_headers"
    return "headers_too_large" if sum(len(n) + len(v) for n, v in headers) > MAX_HEADER_BYTES else None


def require(request: Request, permission: str) -> Credential:
    """The caller's credential. Raises Refused where it lacks the permission; admin implies nothing."""
    credential: Credential = request.state.credential
    if not credential.key.may(permission):
        raise Refused("forbidden", f"this key lacks the permission {permission}")
    return credential


async def read_body(request: Request, limit: int = MAX_BODY_BYTES) -> bytes:
    """The body, refused as soon as it is known to be encoded or to pass the limit. Raises Undecodable `too_large`."""
    encoding = request.headers.get("content-encoding", "")
    if encoding.lower() not in ("", "identity"):
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        raise HTTPException(415, "the body is encoded: send it as it is, without Content-Encoding", headers)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        slow = {"Connection": "close"}
        raise HTTPException(408, f"the body did not come within {BODY_S} s", slow) from None
    return bytes(body)


def _too_large(limit: int) -> Undecodable:
    return Undecodable("too_large", f"the body exceeds {limit} bytes: send fewer rows at once")
