"""The way of a record that is in order in every respect: what `admit` finds step by step, found at once.

Most records are, and the scorer's rate is how little it does for each. What is out of order in any way comes back as
None and goes through the exact path, which says what is wrong; tests hold the two together.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any

from agents.candidate import Candidate
from agents.ports import KeyRing
from schemas import headers as h
from schemas.keys import ApiKey
from schemas.message import Record
from schemas.request import PredictionRequest, is_request_id, read_usual
from schemas.signing import MAX_AGE_MS, verify
from schemas.wire import decode_usual


def fast_lane(record: Record, keys: KeyRing, now: datetime, now_ms: int) -> Candidate | None:
    """The candidate in the record, or None."""
    try:
        headers: dict[str, bytes] = dict(record.headers)
        if len(headers) != len(record.headers) or not h.within_limits(headers):
            return None
        body = record.value or b""
        digest = sha256(body).hexdigest()
        key = _signer(record, headers, digest, keys, now)
        request = None if key is None else _request(record, body)
        if key is None or request is None:
            return None
        deadline = headers.get(h.DEADLINE)
        expired = deadline is not None and now_ms > _epoch_ms(deadline)
        return Candidate(record, headers, headers[h.REQUEST_ID].decode(), key, request, digest, expired)
    except (KeyError, TypeError, ValueError):
        return None


def _signer(record: Record, headers: dict[str, bytes], digest: str, keys: KeyRing, now: datetime) -> ApiKey | None:
    request_id, signed_at, record_key = headers[h.REQUEST_ID], headers[h.SIGNED_AT], record.key or b""
    credential = keys.by_id(headers[h.KEY_ID].decode("latin-1"))
    if credential is None or not is_request_id(request_id) or b"\n" in record_key:
        return None
    parts = (record.topic.encode(), request_id, record_key, signed_at, digest.encode())
    fresh = -MAX_AGE_MS <= record.timestamp - _epoch_ms(signed_at) <= MAX_AGE_MS
    if not (fresh and verify(credential.signing_key, headers[h.SIGNATURE], *parts)):
        return None
    key = credential.key
    return key if key.is_valid_at(now) and "predict" in key.permissions else None


def _request(record: Record, body: bytes) -> PredictionRequest | None:
    value: Any = decode_usual(body)
    return None if value is None or record.key is None else read_usual(value, record.key.decode())


def _epoch_ms(text: bytes) -> int:
    if not (text.isdigit() and len(text) < 16):
        raise ValueError(text)
    return int(text)
