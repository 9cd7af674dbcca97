"""Both answers to one request side by side, as records."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from agents.trial import Answered, Outcome
from schemas import headers as h
from schemas.message import Emission, Record
from schemas.result import MAX_RESULT_BYTES
from schemas.shadow import (
    Mirrored,
    MirroredRow,
    Reply,
    ServedBy,
    ShadowError,
    ShadowResult,
    TriedBy,
    compared,
    encode_shadow,
)

_SCHEMA = (h.SCHEMA_VERSION, h.CURRENT_SCHEMA)
_CARRIED = (h.REQUEST_ID, h.TRACEPARENT)


class Asked(NamedTuple):
    """A mirrored result and the versions that are to answer too. rows: its answers one by one."""

    record: Record
    result: Mirrored
    versions: Sequence[str]
    rows: Sequence[MirroredRow]


def paired(asked: Asked, version: str, outcome: Outcome, now: datetime, topic: str) -> Iterator[Emission]:
    """The shadow result of one version; of very many rows several, each with some of them."""
    record, headers = asked.record, dict(asked.record.headers)
    carried = [_SCHEMA, *((name, headers[name]) for name in _CARRIED if name in headers)]
    for value in _bodies(_result(asked, version, outcome, now)):
        yield Emission(topic, record.key, value, carried)


def _result(asked: Asked, version: str, outcome: Outcome, now: datetime) -> ShadowResult:
    result = asked.result
    error = outcome if isinstance(outcome, ShadowError) else None
    latency_ms = outcome.latency_ms if isinstance(outcome, Answered) else None
    replies = outcome.replies if isinstance(outcome, Answered) else [None] * len(asked.rows)
    return ShadowResult(
        request_id=result.request_id,
        entity=result.entity,
        model=result.model,
        route_epoch=result.route_epoch,
        champion=ServedBy(result.model_version, result.arm, result.latency_ms),
        challenger=TriedBy(version, latency_ms, error),
        rows=tuple(
            compared(place, Reply(row.predictions, row.label), reply)
            for place, (row, reply) in enumerate(zip(asked.rows, replies, strict=True))
        ),
        requested_at=result.requested_at,
        scored_at=now,
    )


def _bodies(result: ShadowResult) -> Iterator[bytes]:
    body = encode_shadow(result)
    if len(body) <= MAX_RESULT_BYTES or len(result.rows) == 1:
        yield body
        return
    middle = len(result.rows) // 2
    yield from _bodies(replace(result, rows=result.rows[:middle]))
    yield from _bodies(replace(result, rows=result.rows[middle:]))
