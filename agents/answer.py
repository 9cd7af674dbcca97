"""The scorer's stage: admit a batch, score it, and emit one terminal event per request."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.admit import Candidate, admit, examine, requested_ms
from agents.ports import Clock, Counters, KeyRing, Limiter, Router
from agents.score import Answer, Scored, score
from schemas import headers as h
from schemas.dead_letter import dead_letter
from schemas.message import Batch, Emission, Record
from schemas.quota import Decision
from schemas.result import refusal, result_body
from schemas.wire import encode

MAX_KEY_BYTES = 1024
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


async def answer(
    batch: Batch,
    *,
    keys: KeyRing,
    limiter: Limiter,
    router: Router,
    clock: Clock,
    counters: Counters,
    outlets: Outlets,
) -> list[Emission]:
    """Results, replies and dead letters of a batch, in record order."""
    admitted = await admit(batch, keys=keys, limiter=limiter, clock=clock)
    scored = score(admitted, router=router)
    now_ms = _milliseconds(clock())
    emissions = [emission for item in scored.answers for emission in emit(item, now_ms, outlets)]
    _count(scored, now_ms, counters)
    return emissions


def emit(answer: Answer, now_ms: int, outlets: Outlets) -> list[Emission]:
    """The records that end one request."""
    item = answer.item
    emissions = []
    if item.request_id is not None:
        body = result_body(
            answer.outcome,
            request_id=item.request_id,
            entity=item.entity,
            status=answer.status,
            key_id=item.key_id,
            degraded=item.decision is not None and item.decision.degraded,
            requested_ms=requested_ms(item.record),
            scored_ms=now_ms,
        )
        headers = _headers(item.headers, item.decision)
        emissions.append(Emission(outlets.results, _key(item.record), encode(_with_features(answer, body)), headers))
        partition = _reply_partition(item.headers, outlets.reply_partitions)
        if partition is not None:
            del body["key_id"]
            emissions.append(Emission(outlets.replies, None, encode(body), headers, partition))
    if answer.dead_letter is not None:
        message = str(answer.outcome["error"]["message"])
        emissions.append(dead_letter(outlets.dead_letters, item.record, answer.dead_letter, message))
    return emissions


def give_up(
    record: Record, attempts: int, error_id: str, *, keys: KeyRing, clock: Clock, outlets: Outlets
) -> list[Emission]:
    """A record that has crashed the worker too often: one dead letter, and an `error` for its sender."""
    now = clock()
    item = examine(record, keys=keys, now=now)
    error = refusal(
        "internal", "the request could not be processed; name the error id to the operator", error_id=error_id
    )
    emissions = emit(Answer(item, "error", {"error": error}), _milliseconds(now), outlets)
    return [
        *emissions,
        dead_letter(outlets.dead_letters, record, "crashed", f"error {error_id}", attempt=attempts),
    ]


def _with_features(answer: Answer, body: Mapping[str, Any]) -> Mapping[str, Any]:
    if answer.status != "ok" or not isinstance(answer.item, Candidate):
        return body
    rows = answer.item.request.rows
    if not answer.item.request.many:
        return {**body, "features": rows[0]}
    return {**body, "rows": [{**a, "features": f} for a, f in zip(body["rows"], rows, strict=True)]}


def _headers(given: Mapping[str, bytes], decision: Decision | None) -> list[tuple[str, bytes]]:
    headers = [(name, given[name]) for name in _CARRIED if name in given]
    headers.append((h.SCHEMA_VERSION, h.CURRENT_SCHEMA))
    if decision is not None:
        headers.append((h.RATE_LIMIT, _bucket(decision)))
    return headers


def _key(record: Record) -> bytes | None:
    """The key of a refused record may be of any length; a result's is not."""
    return None if record.key is None else record.key[:MAX_KEY_BYTES]


def _bucket(decision: Decision) -> bytes:
    return (
        f'{{"limit":{decision.limit},"remaining":{decision.remaining},'
        f'"reset":{decision.reset_at},"retry_after":{decision.retry_after}}}'
    ).encode()


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
