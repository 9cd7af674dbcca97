"""Signed records, as the gateway, the Python client and `weir produce` all make them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from schemas import headers as h
from schemas.errors import FieldError, InvalidRequest
from schemas.keys import holds_key
from schemas.message import Emission
from schemas.request import MAX_ENTITY, describe, is_entity, is_request_id
from schemas.signing import signature
from schemas.wire import MAX_BODY_BYTES


class ReplyTo(NamedTuple):
    """Where the scorer puts the caller's copy of the result.

    partition: of the replies topic. token: comes back unread in the header `reply-instance`.
    """

    partition: int
    token: str


def signed_request(
    topic: str,
    body: bytes,
    *,
    entity: str,
    request_id: str,
    key_id: str,
    signing_key: bytes,
    now_ms: int,
    deadline_ms: int | None = None,
    reply: ReplyTo | None = None,
    traceparent: str | None = None,
) -> Emission:
    """The record that asks for a prediction; the bytes signed are the bytes sent.

    topic: its full name, prefix included. now_ms, deadline_ms: epoch milliseconds.

    The same in any language:

     1. body = the JSON bytes, `{"entity": ..., "model": ..., "features": {...}}`
     2. key = the entity in UTF-8 (no control characters), the same as in the body
     3. request_id = 1 to 128 of letters, digits and `._:~+/=@-`; the same id twice is one request
     4. signed_at = the time in epoch milliseconds, decimal digits; within 5 minutes of the record's timestamp
     5. signing_key = HMAC-SHA256(key: the API key, message: `weir/record-signing/v1`), 32 raw bytes
     6. digest = lower-case hex SHA-256 of body
     7. text = `weir1`, topic, request_id, key, signed_at, digest, joined by single newlines
     8. signature = lower-case hex HMAC-SHA256(key: signing_key, message: text)
     9. headers: request-id, key-id, signed-at, signature, schema-version = 1; deadline-ms where you want one
    10. produce body under key with the murmur2 partitioner (in librdkafka: `partitioner=murmur2_random`)
    """
    record_key, identity, signed_at = entity.encode(), request_id.encode(), b"%d" % now_ms
    mac = signature(
        signing_key, topic=topic, request_id=identity, record_key=record_key, signed_at=signed_at, body=body
    )
    headers = [
        (h.REQUEST_ID, identity),
        (h.KEY_ID, key_id.encode()),
        (h.SIGNED_AT, signed_at),
        (h.SIGNATURE, mac),
        (h.SCHEMA_VERSION, h.CURRENT_SCHEMA),
    ]
    if deadline_ms is not None:
        headers.append((h.DEADLINE, b"%d" % deadline_ms))
    if reply is not None:
        headers.append((h.REPLY_PARTITION, b"%d" % reply.partition))
        headers.append((h.REPLY_INSTANCE, reply.token.encode()))
    if traceparent is not None:
        headers.append((h.TRACEPARENT, traceparent.encode()))
    return Emission(topic, record_key, body, headers)


Features = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""One row's features, or those of several rows, which are answered together and in order."""


def request_body(features: Features, *, entity: str, model: str | None = None, explain: bool = False) -> bytes:
    """The value of a request; NumPy's numbers are taken too. Raises InvalidRequest for what JSON cannot hold."""
    named: dict[str, Any] = {} if model is None else {"model": model}
    if explain:
        named["explain"] = True
    rows = {"features": features} if isinstance(features, Mapping) else {"rows": features}
    try:
        body = orjson.dumps({"entity": entity, **named, **rows}, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as error:
        raise InvalidRequest(f"the features have no JSON form: {error}") from error
    if len(body) > MAX_BODY_BYTES:
        raise InvalidRequest(f"the request has {len(body)} bytes, at most {MAX_BODY_BYTES} are read")
    return body


def check_request_id(request_id: object) -> str:
    """The request id, or InvalidRequest."""
    if isinstance(request_id, str) and is_request_id(request_id.encode("utf-8", "replace")):
        return request_id
    reason = "must be 1 to 128 of letters, digits and ._:~+/=@-, and no API key"
    field = FieldError("request_id", reason, describe(request_id))
    raise InvalidRequest(f"request_id {reason}", [field])


def check_entity(entity: Any) -> str:
    """The entity, or InvalidRequest: it becomes the record's key, so it is clean, encodable text and no secret."""
    if isinstance(entity, str) and is_entity(entity) and _encodes(entity) and not holds_key(entity):
        return entity
    reason = f"must be a string of 1 to {MAX_ENTITY} characters without control characters, and no API key"
    raise InvalidRequest("the entity cannot be a record's key", [FieldError("entity", reason, describe(entity))])


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
