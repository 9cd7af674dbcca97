"""What the scorer's stages need, small and honest: keys, a limiter, a clock and signed records."""

from collections import Counter as Counts
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from schemas import headers as h
from schemas.keys import ApiKey, Credential
from schemas.message import Batch, Record
from schemas.quota import Charge, Decision, Outcome
from schemas.signing import signature
from schemas.wire import encode

TOPIC = "prediction-requests"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
SECRET = b"s" * 32


def clock() -> datetime:
    return NOW


def credential(key_id: str = "aaaaaaaaaaa", **changes: Any) -> Credential:
    fields = {"key_id": key_id, "name": "t", "key_hash": "0" * 64, "sealed_signing_key": "v1.x", "created_at": NOW}
    return Credential(ApiKey.model_validate({**fields, **changes}), SECRET)


@dataclass
class FakeKeys:
    """The keys there are."""

    credentials: Sequence[Credential] = field(default_factory=lambda: [credential()])
    plain: Mapping[str, Credential] = field(default_factory=dict)

    @property
    def allows_plain(self) -> bool:
        return bool(self.plain)

    def by_id(self, key_id: str) -> Credential | None:
        return next((one for one in self.credentials if one.key.key_id == key_id), None)

    def by_plain_key(self, api_key: str) -> Credential | None:
        return self.plain.get(api_key)


@dataclass
class FakeLimiter:
    """Decides as told for each offset, else admits; remembers the charges."""

    outcomes: Mapping[int, Outcome] = field(default_factory=dict)
    degraded: bool = False
    refuses: bool = True
    retry_after: int = 4
    would_refuse: bool = False
    limited: bool = True
    explain_cost: int = 10
    charges: list[Charge] = field(default_factory=list)
    calls: int = 0

    async def charge(self, topic: str, charges: Sequence[Charge], share: float) -> Sequence[Decision]:
        self.calls += 1
        self.charges += charges
        return [self._decide(charge) for charge in charges]

    def _decide(self, charge: Charge) -> Decision:
        outcome = self.outcomes.get(charge.offset, "expired" if charge.expired else "admitted")
        retry_after = self.retry_after if outcome == "denied" else 0
        reset_at = NOW_MS // 1000 + 4
        return Decision(
            outcome, charge.per_hour, 7, reset_at, retry_after, self.degraded, self.would_refuse, self.limited
        )


@dataclass
class FakeCounters:
    """Remembers what was counted."""

    ended: list[tuple[str, str, int]] = field(default_factory=list)
    limited: int = 0
    past_limit: int = 0
    unseen: dict[str, int] = field(default_factory=dict)
    dead: dict[str, int] = field(default_factory=dict)
    doubts: Counts[str] = field(default_factory=Counts)
    shadow: Counts[tuple[str, str]] = field(default_factory=Counts)

    def results(self, model_version: str, status: str, latencies_s: Sequence[float]) -> None:
        self.ended.append((model_version, status, len(latencies_s)))

    def rate_limited(self, count: int) -> None:
        self.limited += count

    def would_refuse(self, count: int) -> None:
        self.past_limit += count

    def unseen_categories(self, counts: Mapping[str, int]) -> None:
        self.unseen.update(counts)

    def dead_letters(self, reason: str, count: int) -> None:
        self.dead[reason] = count

    def unauthorized(self, doubt: str, count: int) -> None:
        self.doubts[doubt] += count

    def shadowed(self, model_version: str, ended: str, latencies_s: Sequence[float]) -> None:
        self.shadow[model_version, ended] += len(latencies_s)


def record(
    value: Any = None,
    *,
    topic: str = TOPIC,
    offset: int = 0,
    key: bytes | None = b"c-42",
    request_id: bytes = b"r-1",
    key_id: bytes = b"aaaaaaaaaaa",
    signed_at: int = NOW_MS,
    timestamp: int = NOW_MS,
    secret: bytes = SECRET,
    headers: Mapping[str, bytes] = {},
    without: Sequence[str] = (),
) -> Record:
    """A signed record; `value` is encoded unless it is bytes already."""
    body = value if isinstance(value, bytes) else encode(value)
    signed = signature(
        secret, topic=topic, request_id=request_id, record_key=key or b"", signed_at=b"%d" % signed_at, body=body
    )
    all_headers = {
        h.REQUEST_ID: request_id,
        h.KEY_ID: key_id,
        h.SIGNED_AT: b"%d" % signed_at,
        h.SIGNATURE: signed,
        **headers,
    }
    kept = [(name, content) for name, content in all_headers.items() if name not in without]
    return Record(topic, 0, offset, timestamp, key, body, kept)


def batch(*records: Record) -> Batch:
    return Batch(TOPIC, records)
