"""What an HTTP caller asks for: headers and body of POST /predict as one frozen thing."""

import re
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers

from schemas.errors import FieldError, InvalidRequest, Undecodable
from schemas.request import describe, is_request_id, new_request_id
from schemas.wire import decode
from streams.requests import check_entity

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")
_ENVELOPE = frozenset({"entity", "model", "features", "rows", "explain"})


@dataclass(frozen=True, slots=True)
class HttpAsk:
    """One prediction asked for over HTTP.

    body: the record's value, signed and sent as it stands here. timeout_s: None where the caller named none.
    later: the caller wants 202 and comes back for the result.
    """

    request_id: str
    entity: str
    body: bytes
    timeout_s: float | None
    later: bool
    traceparent: str | None


def read_request_id(headers: Headers) -> str:
    """`Idempotency-Key`, `X-Request-Id` or a new UUIDv7. Raises InvalidRequest."""
    for name in ("Idempotency-Key", "X-Request-Id"):
        given = headers.get(name)
        if given is None:
            continue
        if not is_request_id(given.encode()):
            raise _bad_header(name, "must be 1 to 128 of letters, digits and ._:~+/=@-, and no API key", given)
        return given
    return new_request_id()


def read_ask(headers: Headers, body: bytes, request_id: str) -> HttpAsk:
    """The ask in a request whose id is known. Raises Undecodable, InvalidRequest."""
    value = decode(body)
    wrapped = isinstance(value, dict) and not value.keys() & {"features", "rows"} and not _is_envelope(value)
    explain = _explain(headers, None if wrapped else value)
    if wrapped:
        body = b'{%b"features":%b}' % (b'"explain":true,' if explain else b"", body)
        decode(body)
    traceparent = headers.get("traceparent", "")
    return HttpAsk(
        request_id=request_id,
        entity=_entity(headers, {} if wrapped else value, request_id),
        body=body,
        timeout_s=_timeout(headers),
        later=_wants_later(headers),
        traceparent=traceparent if _TRACEPARENT.match(traceparent) else None,
    )


def _is_envelope(value: dict[str, Any]) -> bool:
    return bool(value) and value.keys() <= _ENVELOPE


def _entity(headers: Headers, value: Any, request_id: str) -> str:
    """The body's entity, else the header's, else the request id."""
    named = _header_text(headers, "X-Entity-Id")
    inside = value.get("entity") if isinstance(value, dict) else None
    if isinstance(value, dict) and "entity" in value:
        if named is not None and named != inside:
            raise _bad_header("X-Entity-Id", "differs from the body's entity", named)
        return check_entity(inside)
    return request_id if named is None else check_entity(named)


def _header_text(headers: Headers, name: str) -> str | None:
    """A header's UTF-8 text, which Starlette hands over as Latin-1."""
    given = headers.get(name)
    try:
        return None if given is None else given.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Undecodable("header_not_text", f"the header {name} is not UTF-8 text") from None


def _timeout(headers: Headers) -> float | None:
    given = headers.get("X-Timeout-Ms")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and int(given[:12]) >= 1 and len(given) <= 12):
        raise _bad_header("X-Timeout-Ms", "must be whole milliseconds from 1 up", given)
    return int(given) / 1000


def _explain(headers: Headers, value: Any) -> bool:
    """What the header says of bare features, which have no room to say it. value: any other body, None of those."""
    given = headers.get("X-Explain")
    if given is None:
        return False
    if given.lower() not in ("true", "false"):
        raise _bad_header("X-Explain", "must be true or false", given)
    explain = given.lower() == "true"
    if isinstance(value, dict) and explain != value.get("explain", False):
        raise _bad_header("X-Explain", "differs from the body's explain, which alone counts beside features", given)
    return explain


def _wants_later(headers: Headers) -> bool:
    preferences = ",".join(headers.getlist("prefer")).lower().split(",")
    return any(item.split(";")[0].strip() == "respond-async" for item in preferences)


def _bad_header(name: str, reason: str, got: str) -> InvalidRequest:
    return InvalidRequest(f"the header {name} {reason}", [FieldError(name, reason, describe(got))])
