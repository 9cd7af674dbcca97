"""POST /feedback: ground truth to the feedback topic."""

from starlette.requests import Request
from starlette.responses import Response

from schemas.feedback import read_feedback
from schemas.wire import decode
from streams.gateway.answers import json_response
from streams.gateway.bulk import is_bulk, many_labels, signed_label
from streams.gateway.pending import Sender
from streams.gateway.predict import ClockMs, deliver
from streams.gateway.security import read_body, require
from streams.labels import MAX_LABEL_BYTES


async def feedback(request: Request, *, topic: str, producer: Sender, clock_ms: ClockMs, within_s: float) -> Response:
    """202 once the broker has it; the sink joins it with its prediction, whichever comes first."""
    credential = require(request, "predict")
    if is_bulk(request):
        return await many_labels(
            request, credential, topic=topic, producer=producer, clock_ms=clock_ms, within_s=within_s
        )
    body = await read_body(request, MAX_LABEL_BYTES)
    truth = read_feedback(decode(body))
    request.state.request_id = truth.request_id
    await deliver(producer, [signed_label(topic, body, truth.request_id, credential, clock_ms())], within_s)
    return json_response({"request_id": truth.request_id, "status": "accepted"}, 202)
