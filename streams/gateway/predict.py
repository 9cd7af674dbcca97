"""POST /predict: a signed record to the requests topic, and the reply as the response."""

import asyncio
from collections.abc import Callable, Sequence

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from schemas.errors import Unavailable
from schemas.keys import Credential
from schemas.message import Emission
from streams.gateway.answers import HTTP_STATUS, answer, error_response, json_response
from streams.gateway.ask import HttpAsk, read_ask, read_request_id
from streams.gateway.pending import Replies, Reply, Sender
from streams.gateway.security import read_body, require
from streams.gateway.underway import Underway
from streams.gateway.unverified import Unverified
from streams.requests import ReplyTo, signed_request

ClockMs = Callable[[], int]
"""Now, in epoch milliseconds."""


async def predict(
    request: Request,
    *,
    topic: str,
    producer: Sender,
    replies: Replies,
    underway: Underway,
    unverified: Unverified,
    clock_ms: ClockMs,
    longest_wait_s: float,
) -> Response:
    """Answers 200 with the result, or 202 with its address for `Prefer: respond-async`."""
    credential = require(request, "predict")
    request.state.request_id = request_id = read_request_id(request.headers)
    ask = read_ask(request.headers, await read_body(request), request_id)

    def record(timeout_s: float | None, reply: ReplyTo | None) -> Emission:
        return _record(ask, credential, topic, clock_ms(), timeout_s, reply)

    if ask.later:
        await deliver(producer, [record(ask.timeout_s, None)], longest_wait_s)
        underway.add(request_id, credential.key.line)
        return _accepted(request_id)
    wait_s = min(ask.timeout_s or longest_wait_s, longest_wait_s)
    with replies.expect() as expected:
        sent = asyncio.ensure_future(producer.send([record(wait_s, expected.to)]))
        try:
            async with asyncio.timeout(wait_s):
                response = answer(await _first(expected.reply, sent, request), request_id)
        except TimeoutError:
            if not sent.done():
                raise _undelivered(wait_s) from None
            underway.add(request_id, credential.key.line)
            return _too_late(request_id, wait_s)
    return unverified.answer(request, request_id) if response.status_code == HTTP_STATUS["unauthorized"] else response


async def deliver(producer: Sender, records: Sequence[Emission], within_s: float) -> None:
    """Send records and wait for the broker. Raises Unavailable, and then each may be delivered or not."""
    try:
        async with asyncio.timeout(within_s):
            await producer.send(records)
    except TimeoutError:
        raise _undelivered(within_s) from None


def _undelivered(waited_s: float) -> Unavailable:
    return Unavailable("kafka", f"what was sent was not confirmed within {waited_s:g} s")


def _record(
    ask: HttpAsk, by: Credential, topic: str, now_ms: int, timeout_s: float | None, reply: ReplyTo | None
) -> Emission:
    return signed_request(
        topic,
        ask.body,
        entity=ask.entity,
        request_id=ask.request_id,
        key_id=by.key.key_id,
        signing_key=by.signing_key,
        now_ms=now_ms,
        deadline_ms=None if timeout_s is None else now_ms + int(timeout_s * 1000),
        reply=reply,
        traceparent=ask.traceparent,
    )


async def _first(reply: asyncio.Future[Reply], sent: asyncio.Future[None], request: Request) -> Reply:
    """The reply, unless the record cannot be delivered or the caller hangs up before it comes."""
    hung_up = asyncio.ensure_future(_hang_up(request))

    def give_up(done: asyncio.Future[None]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not reply.done():
            reply.set_exception(error)

    sent.add_done_callback(give_up)
    hung_up.add_done_callback(give_up)
    try:
        return await reply
    finally:
        hung_up.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    raise ClientDisconnect


def _accepted(request_id: str) -> Response:
    location = f"/predictions/{request_id}"
    headers = {"Location": location, "X-Request-Id": request_id, "Preference-Applied": "respond-async"}
    body = {"request_id": request_id, "status": "accepted", "location": location}
    return json_response(body, 202, headers)


def _too_late(request_id: str, wait_s: float) -> Response:
    message = f"no result within {wait_s:g} s: ask GET /predictions/{request_id}, or retry with the same id"
    headers = {"X-Request-Id": request_id}
    return error_response(504, "no_reply", message, request_id=request_id, headers=headers)
