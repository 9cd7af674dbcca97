"""GET /predictions/{request_id}: the stored result of one's own request."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from schemas.masked import masked
from schemas.request import is_request_id
from streams.gateway.answers import error_response, json_response
from streams.gateway.security import Keys, require
from streams.gateway.underway import Underway

Predictions = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Request id -> the stored result with its `key_id`, or None. Raises Unavailable."""


async def prediction(request: Request, *, predictions: Predictions, underway: Underway, keys: Keys) -> Response:
    """200 with the result, 202 while this gateway knows it is coming, 404 for unknown ids and others'.

    What a key asked for is its successors' and its predecessors' too.
    """
    owner = require(request, "predict").key.line
    request_id = request.path_params["request_id"]
    stored = await predictions(request_id) if is_request_id(request_id.encode()) else None
    if stored is not None:
        underway.remove(request_id, owner)
        if _is_of(owner, stored["key_id"], keys):
            return json_response({name: value for name, value in stored.items() if name != "key_id"})
    if underway.holds(request_id, owner):
        return json_response({"request_id": request_id, "status": "pending"}, 202, {"Retry-After": "1"})
    message = "no stored prediction of yours has this request id"
    return error_response(404, "not_found", message, request_id=masked(request_id))


def _is_of(owner: str, key_id: str | None, keys: Keys) -> bool:
    return key_id is not None and keys.line(key_id) == owner
