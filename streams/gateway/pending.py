"""Requests that wait for their reply: a bounded map, each entry gone when its caller is."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol
from uuid import uuid4

import orjson

from schemas import headers as h
from schemas.errors import Unavailable
from schemas.message import Emission, Headers
from streams.requests import ReplyTo


class RateState(NamedTuple):
    """The caller's bucket as the scorer left it; times in epoch seconds and seconds."""

    limit: int
    remaining: int
    reset: int
    retry_after: int


class Reply(NamedTuple):
    """One reply: the result's JSON bytes, and the bucket's state where the request was charged."""

    body: bytes
    rate: RateState | None


class Expected(NamedTuple):
    """A reply to come, and the address it is to come to."""

    to: ReplyTo
    reply: asyncio.Future[Reply]


class Sender(Protocol):
    """Where records go."""

    def send(self, emissions: Sequence[Emission]) -> Awaitable[None]:
        """Done when every emission is delivered. Raises Unavailable."""


class Replies(Protocol):
    """Where replies come from."""

    def expect(self) -> AbstractContextManager[Expected]:
        """A reply to come. Raises Unavailable."""


class Pending:
    """Who waits for which reply.

    Each waiter has a token of its own, which the scorer sends back unread: two callers with the same request
    id get one reply each, and nobody gets another's. on_late: told of each reply that found nobody waiting.
    """

    def __init__(self, limit: int, on_late: Callable[[], None] = lambda: None) -> None:
        self.instance = uuid4().hex
        self._on_late = on_late
        self._limit = limit
        self._issued = 0
        self._waiting: dict[bytes, asyncio.Future[Reply]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def expect(self, partition: int) -> Iterator[Expected]:
        """Wait for one reply on a partition; leaving the block frees the entry, whatever came.

        Raises Unavailable where too many wait already.
        """
        if len(self._waiting) >= self._limit:
            raise Unavailable("gateway", f"{self._limit} requests are waiting for replies already: retry shortly")
        self._issued += 1
        token = f"{self.instance}.{self._issued}"
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[token.encode()] = reply
        try:
            yield Expected(ReplyTo(partition, token), reply)
        finally:
            self._waiting.pop(token.encode(), None)

    def deliver(self, replies: Sequence[tuple[bytes | None, Headers]]) -> None:
        """Hand a poll's replies (value, headers) to their waiters; others' replies are none of ours."""
        own = self.instance.encode()
        for body, headers in replies:
            by_name = dict(headers)
            token = by_name.get(h.REPLY_INSTANCE) or b""
            if not token.startswith(own):
                continue
            waiter = self._waiting.pop(token, None)
            if waiter is None or waiter.done():
                self._on_late()
            else:
                waiter.set_result(Reply(body or b"", _rate(by_name.get(h.RATE_LIMIT))))


def _rate(header: bytes | None) -> RateState | None:
    try:
        state = orjson.loads(header or b"null")
        return RateState(*(int(state[name]) for name in RateState._fields))
    except (ValueError, TypeError, KeyError):
        return None
