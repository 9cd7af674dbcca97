"""POST /feedback with many labels, one a line."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

from starlette.requests import Request
from starlette.responses import Response

from schemas.errors import Undecodable
from schemas.feedback import feedback_body
from schemas.keys import Credential
from schemas.message import Emission
from streams.contract.predicting import NDJSON
from streams.gateway.answers import error_response, json_response
from streams.gateway.pending import Sender
from streams.gateway.predict import ClockMs, deliver
from streams.gateway.security import read_body
from streams.labels import Label, RefusedLine, label_in
from streams.requests import signed_request

MAX_LINES = 5000
AT_ONCE = 100
"""Lines that are read and signed before other callers have their turn."""


def is_bulk(request: Request) -> bool:
    """Whether the body is said to be lines of JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in NDJSON


async def many_labels(
    request: Request, credential: Credential, *, topic: str, producer: Sender, clock_ms: ClockMs, within_s: float
) -> Response:
    """202 once the broker has every label, with the lines that are none; 422 where no line is one."""
    lines = _lines(await read_body(request))
    records: list[Emission] = []
    refused: list[RefusedLine] = []
    while some := list(islice(lines, AT_ONCE)):
        for number, line in some:
            read = label_in(number, line)
            if isinstance(read, Label):
                truth = read.feedback
                records.append(signed_label(topic, feedback_body(truth), truth.request_id, credential, clock_ms()))
            else:
                refused.append(read)
        await asyncio.sleep(0)
    if records:
        await deliver(producer, records, within_s)
    return _told(len(records), refused)


def signed_label(topic: str, body: bytes, request_id: str, by: Credential, now_ms: int) -> Emission:
    """The record of one label."""
    return signed_request(
        topic,
        body,
        entity=request_id,
        request_id=request_id,
        key_id=by.key.key_id,
        signing_key=by.signing_key,
        now_ms=now_ms,
    )


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank. Raises Undecodable `empty`, `too_large`."""
    body = body.rstrip()
    if not body:
        raise Undecodable("empty", "the body is empty: send one label a line")
    count = body.count(b"\n") + 1
    if count > MAX_LINES:
        raise Undecodable("too_large", f"the body has {count} lines, at most {MAX_LINES} are read: send fewer at once")
    lines = (line.strip() for line in body.split(b"\n"))
    return ((number, line) for number, line in enumerate(lines, 1) if line)


def _told(accepted: int, refused: Sequence[RefusedLine]) -> Response:
    lines = [line.as_json() for line in refused]
    if not accepted:
        return error_response(422, "invalid_request", "no line is a label", refused=lines)
    return json_response({"status": "accepted", "accepted": accepted, "refused": lines}, 202)
