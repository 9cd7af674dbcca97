"""GET /drift/events: drifts as they are told, as server-sent events."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic

from aiokafka.errors import KafkaError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from schemas.drift_events import encode_drift, read_drift
from schemas.errors import FieldError, InvalidRequest, Undecodable
from schemas.request import describe
from streams.contract.drift import DRIFT_FEED
from streams.gateway.answers import RETRY_AFTER_S, error_response
from streams.gateway.live import LiveTopic, Positions, Tail
from streams.gateway.query import only_known
from streams.gateway.security import Clock, Keys, require

RETRY_MS = 3000
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
_PLACES = re.compile(r"\d{1,9}:\d{1,18}(,\d{1,9}:\d{1,18})*")


async def drift_events(request: Request, *, live: LiveTopic, keys: Keys, clock: Clock) -> Response:
    """Events from now on, or behind `Last-Event-ID`, of one model or all; the stream ends with the key's validity."""
    require(request, "monitor")
    model = only_known(request.query_params, DRIFT_FEED.query_names).get("model")
    after = _positions(request.headers.get("last-event-id", ""))
    api_key = request.headers["x-api-key"]

    def is_welcome() -> bool:
        found = keys.by_api_key(api_key)
        return found is not None and found.key.is_valid_at(clock()) and found.key.may("monitor") and not live.ended

    if request.method == "HEAD":
        return Response(headers=HEADERS)
    if live.is_full or live.ended:
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return error_response(503, "busy", "too many listen already: retry shortly", headers=headers)
    tail = await live.listen(after)
    return EventStream(_events(tail, is_welcome, live.heartbeat_s, model), lambda: live.leave(tail))


class EventStream(StreamingResponse):
    """A stream that lets go of what feeds it, however it ends."""

    def __init__(self, content: AsyncIterator[bytes], leave: Callable[[], Awaitable[None]]) -> None:
        super().__init__(content, headers=HEADERS)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._leave()


async def _events(
    tail: Tail, is_welcome: Callable[[], bool], heartbeat_s: float, model: str | None
) -> AsyncIterator[bytes]:
    """An id alone comes first, and with each silence: who was told nothing can take up from there too.

    Ends where the topic cannot be read: silence would be taken for calm. The listener comes back with its last id.
    """
    yield b"retry: %d\nid: %b\n\n" % (RETRY_MS, _id(tail.positions))
    spoken = monotonic()
    with suppress(KafkaError, TimeoutError):
        while is_welcome():
            told = b"".join(_event(value, positions, model) for value, positions in await tail.heard())
            if not told and monotonic() - spoken >= heartbeat_s:
                await tail.make_sure()
                told = b"id: %b\n: still here\n\n" % _id(tail.positions)
            if told:
                yield told
                spoken = monotonic()


def _event(value: bytes | None, positions: Positions, model: str | None) -> bytes:
    """Nothing of what is no event, or one of another model."""
    try:
        event = read_drift(value)
    except Undecodable:
        return b""
    if model not in (None, event.model):
        return b""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (_id(positions), event.event_type.encode(), encode_drift(event))


def _id(positions: Positions) -> bytes:
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(positions.items())).encode()


def _positions(text: str) -> Positions:
    """Raises InvalidRequest."""
    if not text:
        return {}
    if not _PLACES.fullmatch(text):
        reason = "must be the id of an event of this stream, such as 0:17,1:4,2:9, or left out"
        wrong = [FieldError("Last-Event-ID", reason, describe(text))]
        raise InvalidRequest("the header Last-Event-ID is not of the expected form", wrong)
    return {int(partition): int(offset) for partition, _, offset in (one.partition(":") for one in text.split(","))}
