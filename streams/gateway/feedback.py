"""POST /feedback: ground truth to the feedback topic."""

from starlette.requests import Request
from starlette.responses import Response

from schemas.feedback import read_feedback
from schemas.wire import decode
from streams.gateway.answers import json_response
from streams.gateway.pending import Sender
from streams.gateway.predict import ClockMs, deliver
from streams.gateway.security import read_body, require
from streams.requests import signed_request

MAX_FEEDBACK_BYTES = 16 * 1024


async def feedback(request: Request, *, topic: str, producer: Sender, clock_ms: ClockMs, within_s: float) -> Response:
    """202 once the broker has it; the sink joins it with its prediction, whichever comes first."""
    credential = require(request, "predict")
    body = await read_body(request, MAX_FEEDBACK_BYTES)
    truth = read_feedback(decode(body))
    request.state.request_id = truth.request_id
    record = signed_request(
        topic,
        body,
        entity=truth.request_id,
        request_id=truth.request_id,
        key_id=credential.key.key_id,
        signing_key=credential.signing_key,
        now_ms=clock_ms(),
    )
    await deliver(producer, record, within_s)
    return json_response({"request_id": truth.request_id, "status": "accepted"}, 202)
