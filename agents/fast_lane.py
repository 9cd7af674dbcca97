"""The way of a record that is in order in every respect: what `admit` finds step by step, found at once.

Most records are, and the scorer's rate is how little it does for each. What is out of order in any way comes back as
None and goes through the exact path, which says what is wrong; tests hold the two together.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import NamedTuple, TypeVar

from agents.candidate import Candidate
from agents.ports import KeyRing
from schemas import headers as h
from schemas.keys import ApiKey
from schemas.message import Record
from schemas.request import is_request_id, read_usual
from schemas.signing import LONGEST_EPOCH, MAX_AGE_MS, Verifier, verifier

T = TypeVar("T")
NEWLINE = ord("\n")
SIGNED = 4
"""Headers that every signed record has."""


class Signer(NamedTuple):
    """A key that may predict now, and what tells its signatures."""

    key: ApiKey
    verifier: Verifier


class Memo(dict[bytes, T]):
    """What a function makes of some bytes, found once for each."""

    def __init__(self, find: Callable[[bytes], T]) -> None:
        self._find = find

    def __missing__(self, given: bytes) -> T:
        found = self[given] = self._find(given)
        return found


class FastLane:
    """The fast lane at one moment; each key is looked up once for all the records that it signed."""

    def __init__(self, keys: KeyRing, now: datetime) -> None:
        self._now_ms = int(now.timestamp() * 1000)
        # A batch has few keys and few milliseconds. No method of this object finds them: as a cycle each lane would
        # wait for the garbage collector, which workers let run seldom.
        self._signers = Memo(partial(_signer, keys, now))
        self._epochs_ms = Memo(_epoch_ms)

    def __call__(self, record: Record) -> Candidate | None:
        """The candidate in the record, or None."""
        try:
            headers: dict[str, bytes] = dict(record.headers)
            if len(headers) != len(record.headers):
                return None
            # The four that are asked for below, the deadline and this version are short, each of them.
            beside = (h.DEADLINE in headers) + (headers.get(h.SCHEMA_VERSION) == h.CURRENT_SCHEMA)
            if len(headers) - beside != SIGNED and not h.within_limits(headers):
                return None
            signer = self._signers[headers[h.KEY_ID]]
            request_id, signed_at = headers[h.REQUEST_ID], headers[h.SIGNED_AT]
            record_key, body = record.key, record.value
            if signer is None or body is None or record_key is None or NEWLINE in record_key:
                return None
            age_ms = record.timestamp - self._epochs_ms[signed_at]
            if not (is_request_id(request_id) and -MAX_AGE_MS <= age_ms <= MAX_AGE_MS):
                return None
            digest = sha256(body).hexdigest()
            parts = (record.topic.encode(), request_id, record_key, signed_at, digest.encode())
            if not signer.verifier.fits(headers[h.SIGNATURE], parts):
                return None
            request = read_usual(body, record_key.decode())
            if request is None:
                return None
            expired = h.DEADLINE in headers and self._now_ms > self._epochs_ms[headers[h.DEADLINE]]
            return Candidate(record, headers, request_id.decode(), signer.key, request, digest, expired)
        except (KeyError, ValueError, TypeError, AttributeError):  # the last two where a header has no value
            return None


def _signer(keys: KeyRing, now: datetime, key_id: bytes) -> Signer | None:
    credential = keys.by_id(key_id.decode("latin-1"))
    if credential is None or not credential.key.is_valid_at(now) or not credential.key.may("predict"):
        return None
    return Signer(credential.key, verifier(credential.signing_key))


def _epoch_ms(text: bytes) -> int:
    if not (text.isdigit() and len(text) <= LONGEST_EPOCH):
        raise ValueError(text)
    return int(text)
