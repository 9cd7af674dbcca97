"""Asking again once the bucket has a token: what a client does that would rather wait than be refused."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar, get_args

from schemas.errors import FieldError, InvalidRequest
from schemas.request import describe
from streams.gateway.pending import RateState, Reply

OnLimit = Literal["return", "wait"]
"""What a client makes of `rate_limited`: a result like any other, or a reason to ask again."""

ON_LIMIT: tuple[OnLimit, ...] = get_args(OnLimit)

T = TypeVar("T")
Replies = list[Reply | None]


async def until_admitted(
    ask: Callable[[Sequence[T], float], Awaitable[Replies]], asks: Sequence[T], within_s: float
) -> Replies:
    """A reply for each ask, in order, the denied ones asked again when their bucket has a token.

    What would not be admitted within `within_s` seconds stays as it was denied. ask: given asks and its seconds,
    answers with their replies. Only as many are asked again at once as tokens come meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    replies = await ask(asks, within_s)
    while denied := [index for index, reply in enumerate(replies) if _denied(reply) is not None]:
        rate = _denied(replies[denied[0]])
        assert rate is not None
        if rate.retry_after >= deadline - loop.time():
            break
        await asyncio.sleep(rate.retry_after)
        due = denied[: max(1, rate.limit * rate.retry_after // 3600)]
        again = await ask([asks[index] for index in due], deadline - loop.time())
        for index, reply in zip(due, again, strict=True):
            replies[index] = reply
    return replies


def check_on_limit(on_limit: object) -> None:
    """Raises InvalidRequest, naming the known ones, for anything but an OnLimit."""
    if on_limit not in ON_LIMIT:
        reason = f"must be one of {', '.join(ON_LIMIT)}"
        raise InvalidRequest(f"on_limit {reason}", [FieldError("on_limit", reason, describe(on_limit))])


def _denied(reply: Reply | None) -> RateState | None:
    """The bucket of a request that may come back; None for every other reply."""
    rate = None if reply is None else reply.rate
    return rate if rate is not None and rate.retry_after > 0 else None
