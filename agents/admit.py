"""Admission: who sent each record, may they, is it in time, and has their bucket a token for every row."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from agents.candidate import Candidate, Refusal
from agents.charge import charge
from agents.fast_lane import FastLane
from agents.ports import Clock, KeyRing, Limiter
from schemas import headers as h
from schemas import signing, wire
from schemas.errors import InvalidRequest, Refused, Undecodable
from schemas.keys import ApiKey, Credential
from schemas.masked import masked_bytes
from schemas.message import Batch, Record
from schemas.request import MAX_ENTITY, is_request_id, read_request
from schemas.result import LAST_MS, Status, named, refusal

Doubt = Literal["unknown_key", "ended", "signature", "stale", "not_allowed"]
"""Why a sender is unknown. ended: its key has expired or is revoked. stale: signed at no time, or more than five
minutes from the record's own. not_allowed: it brings its key as it is."""


async def admit(batch: Batch, *, keys: KeyRing, limiter: Limiter, clock: Clock) -> list[Candidate | Refusal]:
    """Every record of the batch as admitted or refused, in order; the buckets are charged in one round trip."""
    return await charge(batch, examine_all(batch, keys=keys, now=clock()), limiter)


def examine_all(batch: Batch, *, keys: KeyRing, now: datetime) -> list[Candidate | Refusal]:
    """Every record of the batch up to its charge, in order."""
    lane = FastLane(keys, now)
    return [lane(record) or examine(record, keys=keys, now=now) for record in batch.records]


def examine(record: Record, *, keys: KeyRing, now: datetime) -> Candidate | Refusal:
    """One record up to its charge: limits, identity, signature, permission, form, deadline."""
    try:
        headers = h.read_headers(record.headers)
    except Undecodable as error:
        return Refusal(
            record,
            {},
            "invalid",
            refusal(error.reason, str(error)),
            lone_request_id(record),
            _entity(record),
            dead_letter=error.reason,
        )
    identity = headers.get(h.REQUEST_ID, b"")
    if not is_request_id(identity):
        form = "1 to 128 of letters, digits and ._:~+/=@-"
        message = f"the header request-id is missing, holds an API key, or is not {form}"
        return Refusal(record, headers, "invalid", refusal("no_request_id", message), dead_letter="no_request_id")
    request_id, key_id = identity.decode(), None
    try:
        key, digest = _sender(record, headers, keys, now)
        key_id = key.key_id
        return _read(record, headers, request_id, key, digest, now)
    except (Undecodable, InvalidRequest, Refused) as error:
        status, details, reason = _verdict(error)
        doubt = error.why if isinstance(error, Refused) else None
    return Refusal(record, headers, status, details, request_id, _entity(record), key_id, None, reason, doubt)


def _verdict(error: Undecodable | InvalidRequest | Refused) -> tuple[Status, Mapping[str, Any], str | None]:
    """The status, what its sender is told, and the dead letter's reason."""
    if isinstance(error, Refused):
        status: Status = "forbidden" if error.status == "forbidden" else "unauthorized"
        return status, refusal(status, str(error)), None
    if isinstance(error, Undecodable):
        return "invalid", refusal(error.reason, str(error)), error.reason
    return "invalid", refusal("invalid_request", str(error), fields=named(error.fields)), "invalid_request"


def _sender(record: Record, headers: Mapping[str, bytes], keys: KeyRing, now: datetime) -> tuple[ApiKey, str]:
    """The key that signed the record, and the digest of its body: what is too large is not even hashed."""
    body = record.value or b""
    if len(body) > wire.MAX_BODY_BYTES:
        raise Undecodable("too_large", f"the body has {len(body)} bytes, at most {wire.MAX_BODY_BYTES} are read")
    digest = sha256(body).hexdigest()
    return authenticate(record, headers, digest, keys, now), digest


def _read(
    record: Record, headers: Mapping[str, bytes], request_id: str, key: ApiKey, digest: str, now: datetime
) -> Candidate:
    if not key.may("predict"):
        raise Refused("forbidden", "this key lacks the permission predict")
    request = read_request(wire.decode(record.value), _record_key(record))
    return Candidate(record, headers, request_id, key, request, digest, _is_past(headers.get(h.DEADLINE), now))


def authenticate(
    record: Record, headers: Mapping[str, bytes], body_digest: str, keys: KeyRing, now: datetime
) -> ApiKey:
    """The key that signed the record, or that it brings as it is. Raises Refused, which does not tell its sender what
    was wrong."""
    if h.API_KEY in headers and h.SIGNATURE not in headers:
        credential = keys.by_plain_key(headers[h.API_KEY].decode("latin-1"))
        doubt: Doubt | None = None if keys.allows_plain else "not_allowed"
    else:
        credential = keys.by_id(headers.get(h.KEY_ID, b"").decode("latin-1"))
        doubt = None if credential is None else _signature_doubt(record, headers, body_digest, credential)
    if credential is None:
        doubt = doubt or "unknown_key"
    elif doubt is None and not credential.key.is_valid_at(now):
        doubt = "ended"
    if credential is None or doubt is not None:
        message = "the key or the signature is not valid; see docs/producing.md on signing"
        raise Refused("unauthorized", message, doubt)
    return credential.key


def _signature_doubt(
    record: Record, headers: Mapping[str, bytes], body_digest: str, credential: Credential
) -> Doubt | None:
    record_key, signed_at = record.key or b"", headers.get(h.SIGNED_AT, b"")
    parts = (record.topic.encode(), headers[h.REQUEST_ID], record_key, signed_at, body_digest.encode())
    if not signed_at.isdigit():
        return "stale"
    if b"\n" in record_key or not signing.verify(credential.signing_key, headers.get(h.SIGNATURE, b""), *parts):
        return "signature"
    return None if signing.is_fresh(signed_at, record.timestamp) else "stale"


def _is_past(deadline: bytes | None, now: datetime) -> bool:
    if deadline is None:
        return False
    if not (deadline.isdigit() and len(deadline) <= signing.LONGEST_EPOCH):
        raise InvalidRequest(f"the header {h.DEADLINE} must be epoch milliseconds")
    return int(now.timestamp() * 1000) > int(deadline)


def _record_key(record: Record) -> str | None:
    if record.key is None:
        return None
    try:
        return record.key.decode()
    except UnicodeDecodeError:
        raise Undecodable("key_not_text", "the record's key is not UTF-8 text") from None


def _entity(record: Record) -> str | None:
    """The record's key as a refusal shows it: whole where it is an entity, as who is forgotten is looked for by it."""
    if record.key is None:
        return None
    key = masked_bytes(record.key)[: 4 * MAX_ENTITY].decode("utf-8", "replace")
    return key[:MAX_ENTITY].replace("\x00", "�")


def lone_request_id(record: Record) -> str | None:
    """The request id of a record whose headers are not in order otherwise."""
    values = [value for name, value in record.headers if name == h.REQUEST_ID]
    return values[0].decode() if len(values) == 1 and is_request_id(values[0] or b"") else None


def requested_ms(record: Record) -> int:
    """When the broker got the record, in epoch milliseconds; 0 where that is no time (some brokers do not say and
    tell -1, a producer may write one beyond the calendar)."""
    return record.timestamp if 0 < record.timestamp <= LAST_MS else 0
