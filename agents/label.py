"""Ground truth as it lies on its topic: who says so, may they, and what it says."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from agents.admit import authenticate, requested_ms
from agents.ports import Counters, KeyRing
from schemas import headers as h
from schemas.errors import Refused
from schemas.feedback import read_feedback
from schemas.message import Record
from schemas.request import is_request_id
from schemas.stored import ReceivedLabel
from schemas.wire import decode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_label(record: Record, *, keys: KeyRing, counters: Counters) -> ReceivedLabel:
    """The label in a signed record. Raises Refused, which is counted by its reason, Undecodable or InvalidRequest.

    Its sender's key is judged by the moment at which the broker got the record, not by the present one: a replay,
    however late, ends as the first delivery did.
    """
    received_at = _EPOCH + timedelta(milliseconds=requested_ms(record))
    try:
        _check_sender(record, keys, received_at)
    except Refused as error:
        if error.why is not None:
            counters.unauthorized(error.why, 1)
        raise
    feedback = read_feedback(decode(record.value))
    return ReceivedLabel(feedback, record.topic, record.partition, record.offset, received_at)


def _check_sender(record: Record, keys: KeyRing, received_at: datetime) -> None:
    headers = h.read_headers(record.headers)
    if not is_request_id(headers.get(h.REQUEST_ID, b"")):
        message = "the header request-id is missing or none; see docs/producing.md on signing"
        raise Refused("unauthorized", message, "signature")
    digest = sha256(record.value or b"").hexdigest()
    key = authenticate(record, headers, digest, keys, received_at)
    if not key.may("predict"):
        raise Refused("forbidden", "this key lacks the permission predict")
