"""What HTTP callers are answered: results as they came, and every error in one JSON form."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from schemas.errors import InvalidRequest, Refused, Unavailable, Undecodable, WeirError
from schemas.wire import encode
from streams.gateway.pending import RateState, Reply

log = logging.getLogger("weir.gateway")

HTTP_STATUS = {
    "ok": 200,
    "unauthorized": 401,
    "forbidden": 403,
    "invalid": 422,
    "rate_limited": 429,
    "expired": 504,
    "error": 500,
}
CODE_STATUS = {"too_many_rows": 413}
"""Error code -> HTTP status, where it is not that of the result's status."""
UNAUTHORIZED = "send a valid API key in the header X-API-Key"
RETRY_AFTER_S = 1
CODES = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 415: "encoded", 503: "unavailable"}
"""HTTP status -> error code, of what no error of ours says."""


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response; bytes are taken for JSON already."""
    content = body if isinstance(body, bytes) else encode(body)
    return Response(content, status, headers, media_type="application/json")


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """`{"error": {"code", "message", ...}}`; what is None is left out."""
    details = {name: value for name, value in more.items() if value is not None}
    return json_response({"error": {"code": code, "message": message, **details}}, status, headers)


def unauthorized(request_id: str | None = None) -> Response:
    """The one 401: missing, unknown, revoked and expired keys look alike."""
    headers = {"WWW-Authenticate": "ApiKey"}
    return error_response(401, "unauthorized", UNAUTHORIZED, request_id=request_id, headers=headers)


def answer(reply: Reply, request_id: str) -> Response:
    """The scorer's reply as an HTTP response, with the bucket's state where it came with one."""
    result = orjson.loads(reply.body)
    status = result["status"]
    headers = {"X-Request-Id": request_id, **rate_headers(reply.rate, denied=status == "rate_limited")}
    if status == "ok":
        return json_response(reply.body, headers=headers)
    if status == "unauthorized":
        return unauthorized(request_id)
    error = result.get("error") or {"code": status, "message": "the request was not answered"}
    return error_response(
        CODE_STATUS.get(error["code"]) or HTTP_STATUS.get(status, 500),
        error["code"],
        error["message"],
        fields=error.get("fields"),
        error_id=error.get("error_id"),
        request_id=request_id,
        headers=headers,
    )


def rate_headers(rate: RateState | None, *, denied: bool = False) -> dict[str, str]:
    """`X-RateLimit-*`, and `Retry-After` for a caller who was denied and may come back."""
    if rate is None:
        return {}
    headers = {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(rate.remaining),
        "X-RateLimit-Reset": str(rate.reset),
    }
    return headers | {"Retry-After": str(rate.retry_after)} if denied and rate.retry_after > 0 else headers


def refuse(request: Request, error: Exception) -> Response:
    """The response to an error of ours; registered with the application for WeirError."""
    assert isinstance(error, WeirError)
    request_id = getattr(request.state, "request_id", None)
    match error:
        case Refused(status="unauthorized"):
            return unauthorized(request_id)
        case Refused():
            return error_response(403, error.status, str(error), request_id=request_id)
        case Undecodable(reason="too_large"):
            return error_response(413, error.reason, str(error), headers={"Connection": "close"})
        case Undecodable():
            return error_response(400, error.reason, str(error), request_id=request_id)
        case InvalidRequest():
            fields = [item.as_json() for item in error.fields] or None
            return error_response(422, "invalid_request", str(error), fields=fields, request_id=request_id)
        case Unavailable():
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            log.warning("unavailable", extra={"data": {"request_id": request_id, "reason": str(error)}})
            same = " with the same request id" if request_id else ""
            message = f"{error.dependency} is not available: retry shortly{same}"
            return error_response(503, "unavailable", message, request_id=request_id, headers=headers)
    return crashed(error, request_id)


def http_error(_: Request, error: Exception) -> Response:
    """HTTP's own errors in our form."""
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "http_error")
    return error_response(error.status_code, code, str(error.detail), headers=error.headers)


def gone(_: Request, error: Exception) -> Response:
    """The caller hung up while sending: nobody reads this."""
    assert isinstance(error, ClientDisconnect)
    return Response(status_code=499)


def crashed(error: Exception, request_id: str | None = None) -> Response:
    """A bug's response: an error id that the log has too, and none of the exception's text."""
    error_id = uuid4().hex[:16]
    data = {"error_id": error_id, "request_id": request_id}
    log.error("request crashed", exc_info=error, extra={"data": data})
    message = "the gateway failed; name the error id to the operator"
    return error_response(500, "internal", message, error_id=error_id, request_id=request_id)
