"""The scorer's stage: admit a batch, score it, and emit one terminal event per request."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from agents.admit import charge, examine, examine_all, requested_ms
from agents.candidate import Candidate, Refusal
from agents.ports import Clock, Counters, KeyRing, Limiter, Router
from agents.score import Answer, Scored, score
from schemas import headers as h
from schemas.dead_letter import dead_letter
from schemas.message import Batch, Emission, Record
from schemas.quota import Decision
from schemas.result import encode_result, instant, refusal, result_body

_SCHEMA = (h.SCHEMA_VERSION, h.CURRENT_SCHEMA)
MAX_KEY_BYTES = 1024
PART_RECORDS = 500
TURNS_TO_SEND = 4
"""Turns of the event loop until a request just begun is on its way to Redis."""

_CARRIED = (h.REQUEST_ID, h.KEY_ID, h.TRACEPARENT, h.REPLY_INSTANCE)


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the scorer's emissions go.

    reply_partitions: how many the replies topic has; a record that names another gets no reply.
    """

    results: str
    replies: str
    dead_letters: str
    reply_partitions: int


@dataclass(frozen=True, slots=True)
class Scorer:
    """The scorer's stage: results, replies and dead letters of a batch, in record order."""

    keys: KeyRing
    limiter: Limiter
    router: Router
    clock: Clock
    counters: Counters
    outlets: Outlets

    async def __call__(self, batch: Batch) -> list[Emission]:
        """Part by part: while Redis charges one, the next is examined and the one before is scored."""
        emissions: list[Emission] = []
        charging: asyncio.Task[list[Candidate | Refusal]] | None = None
        try:
            for part in _parts(batch):
                examined = examine_all(part, keys=self.keys, now=self.clock())
                charged = None if charging is None else await charging
                charging = asyncio.create_task(charge(part, examined, self.limiter))
                for _ in range(TURNS_TO_SEND):
                    await asyncio.sleep(0)
                if charged is not None:
                    emissions += self._finish(charged)
        finally:
            if charging is not None:
                await asyncio.wait({charging})
        return emissions if charging is None else emissions + self._finish(charging.result())

    def _finish(self, charged: list[Candidate | Refusal]) -> list[Emission]:
        scored = score(charged, router=self.router)
        now_ms = _milliseconds(self.clock())
        _count(scored, now_ms, self.counters)
        emissions: list[Emission] = []
        for answer in scored.answers:
            emit(answer, now_ms, self.outlets, emissions)
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """A record that has crashed the worker too often: one dead letter, and an `error` for its sender."""
        now = self.clock()
        item = examine(record, keys=self.keys, now=now)
        message = "the request could not be processed; name the error id to the operator"
        error = refusal("internal", message, error_id=error_id)
        buried = dead_letter(self.outlets.dead_letters, record, "crashed", f"error {error_id}", attempt=attempts)
        emissions: list[Emission] = []
        emit(Answer(item, "error", {"error": error}), _milliseconds(now), self.outlets, emissions)
        return [*emissions, buried]


def _parts(batch: Batch) -> Iterator[Batch]:
    for first in range(0, len(batch.records), PART_RECORDS):
        yield replace(batch, records=batch.records[first : first + PART_RECORDS])


def emit(answer: Answer, now_ms: int, outlets: Outlets, emissions: list[Emission]) -> None:
    """Add the records that end one request."""
    item = answer.item
    if item.request_id is not None:
        partition = _reply_partition(item.headers, outlets.reply_partitions)
        headers = _headers(item.headers, item.decision)
        result, reply = _bodies(answer, item.request_id, now_ms, partition is not None)
        emissions.append(Emission(outlets.results, _key(item.record), result, headers))
        if reply is not None:
            emissions.append(Emission(outlets.replies, None, reply, headers, partition))
    if answer.dead_letter is not None:
        message = str(answer.outcome["error"]["message"])
        emissions.append(dead_letter(outlets.dead_letters, item.record, answer.dead_letter, message))


def _bodies(answer: Answer, request_id: str, now_ms: int, wants_reply: bool) -> tuple[bytes, bytes | None]:
    """The result and the caller's copy of it, which leaves out key id and features."""
    item, outcome = answer.item, answer.outcome
    degraded = item.decision is not None and item.decision.degraded
    since_ms = requested_ms(item.record)
    if isinstance(outcome, dict):
        body = result_body(outcome, request_id, item.entity, answer.status, degraded, since_ms, now_ms)
        reply = encode_result(body) if wants_reply else None
        body["key_id"] = item.key_id
        if answer.rows:
            pairs = zip(body["rows"], answer.rows, strict=True)
            body["rows"] = [{**answered, "features": row} for answered, row in pairs]
        return encode_result(body), reply
    outcome.degraded, outcome.latency_ms = degraded, now_ms - since_ms
    outcome.requested_at, outcome.scored_at = instant(since_ms), instant(now_ms)
    reply = encode_result(outcome) if wants_reply else None
    outcome.key_id, outcome.features = item.key_id, answer.rows[0]
    return encode_result(outcome), reply


def _headers(given: Mapping[str, bytes], decision: Decision | None) -> list[tuple[str, bytes]]:
    headers = [_SCHEMA]
    for name in _CARRIED:
        if name in given:
            headers.append((name, given[name]))
    if decision is not None:
        headers.append((h.RATE_LIMIT, _bucket(decision)))
    return headers


def _key(record: Record) -> bytes | None:
    """The key of a refused record may be of any length; a result's is not."""
    return None if record.key is None else record.key[:MAX_KEY_BYTES]


def _bucket(decision: Decision) -> bytes:
    numbers = (decision.limit, decision.remaining, decision.reset_at, decision.retry_after)
    return b'{"limit":%d,"remaining":%d,"reset":%d,"retry_after":%d}' % numbers


def _reply_partition(headers: Mapping[str, bytes], partitions: int) -> int | None:
    wanted = headers.get(h.REPLY_PARTITION)
    if wanted is None or h.REPLY_INSTANCE not in headers or not wanted.isdigit() or len(wanted) > 6:
        return None
    partition = int(wanted)
    return partition if partition < partitions else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _count(scored: Scored, now_ms: int, counters: Counters) -> None:
    latencies: dict[tuple[str, str], list[float]] = defaultdict(list)
    for item in scored.answers:
        latencies[item.model_version, item.status].append((now_ms - requested_ms(item.item.record)) / 1000)
    for (version, status), seconds in latencies.items():
        counters.results(version, status, seconds)
        if status == "rate_limited":
            counters.rate_limited(len(seconds))
    if scored.unseen:
        counters.unseen_categories(scored.unseen)
    for reason, count in Counter(item.dead_letter for item in scored.answers if item.dead_letter).items():
        counters.dead_letters(reason, count)
