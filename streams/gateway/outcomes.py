"""How the end of a command is answered."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from schemas.control import Outcome, OutcomeCode
from streams.gateway.answers import RETRY_AFTER_S, error_response, json_response, unauthorized

STATUS: Mapping[OutcomeCode, int] = {
    "unauthorized": 401,
    "forbidden": 403,
    "invalid_request": 422,
    "unknown_model": 404,
    "unknown_version": 422,
    "model_refused": 409,
    "in_use": 409,
    "conflict": 409,
    "nothing_to_promote": 409,
    "nothing_to_roll_back": 409,
    "insufficient_evidence": 409,
    "unavailable": 503,
    "failed": 500,
}


def answer(outcome: Outcome) -> Response:
    """200 where it was carried out or changed nothing, else the status of why it was refused."""
    if outcome.status != "refused" or outcome.code is None:
        return json_response(outcome.model_dump(mode="json", exclude_none=True))
    if outcome.code == "unauthorized":
        return unauthorized(outcome.request_id)
    status = STATUS[outcome.code]
    more: dict[str, Any] = {"fields": outcome.fields, "evidence": outcome.evidence, "route": outcome.route}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return error_response(
        status, outcome.code, outcome.message or "", request_id=outcome.request_id, headers=headers, **more
    )
