"""The records that end one request: its result, the caller's copy, and a dead letter where something is wrong."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from agents.admit import lone_request_id, requested_ms
from agents.candidate import Candidate, Refusal
from agents.score import Answer
from schemas import headers as h
from schemas.dead_letter import dead_letter
from schemas.message import Emission, Record
from schemas.quota import Decision
from schemas.result import MAX_RESULT_BYTES, encode_result, instant, refusal, result_body

_log = logging.getLogger("weir.ending")
_SCHEMA = (h.SCHEMA_VERSION, h.CURRENT_SCHEMA)
MAX_KEY_BYTES = 1024

_CARRIED = (h.REQUEST_ID, h.TRACEPARENT, h.REPLY_INSTANCE)
_MIRRORED = (h.REQUEST_ID, h.TRACEPARENT)


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the scorer's emissions go.

    reply_partitions: how many the replies topic has; a record that names another gets no reply. mirrored: of the
    results that other versions are to answer too.
    """

    results: str
    replies: str
    dead_letters: str
    reply_partitions: int
    mirrored: str


def emit(answer: Answer, now_ms: int, outlets: Outlets, emissions: list[Emission]) -> Answer:
    """Add the records that end one request, and return how it ended: as an `error` where its result is no record."""
    item = answer.item
    if item.request_id is not None:
        partition = (
            reply_partition(item.headers, outlets.reply_partitions) if h.REPLY_PARTITION in item.headers else None
        )
        result, reply = _bodies(answer, item.request_id, now_ms, partition is not None)
        if len(result) > MAX_RESULT_BYTES:
            return emit(_too_large(answer, len(result)), now_ms, outlets, emissions)
        headers = _headers(item)
        emissions.append(Emission(outlets.results, _key(item.record), result, headers))
        if reply is not None:
            emissions.append(Emission(outlets.replies, None, reply, headers, partition))
        if answer.mirrors:
            emissions.append(_mirrored(answer, result, outlets.mirrored))
    if answer.dead_letter is not None:
        message = str(answer.outcome["error"]["message"])
        emissions.append(dead_letter(outlets.dead_letters, item.record, answer.dead_letter, message))
    return answer


def _mirrored(answer: Answer, result: bytes, topic: str) -> Emission:
    """The result as it is, which has the features as scored, once for all the versions that are to answer too."""
    carried = [(name, answer.item.headers[name]) for name in _MIRRORED if name in answer.item.headers]
    headers = [_SCHEMA, *carried, (h.MIRRORED_TO, _listed(answer.mirrors))]
    return Emission(topic, _key(answer.item.record), result, headers)


@lru_cache(maxsize=256)
def _listed(versions: tuple[str, ...]) -> bytes:
    return ",".join(versions).encode()


def bare_error(record: Record, error: Mapping[str, Any], now_ms: int, outlets: Outlets) -> list[Emission]:
    """The `error` of a record that crashes whoever reads it, under the id in its headers; nothing where none is there.

    Raises nothing.
    """
    with suppress(Exception):
        if (request_id := lone_request_id(record)) is not None:
            body = result_body({"error": error}, request_id, None, "error", False, requested_ms(record), now_ms)
            headers = [_SCHEMA, (h.REQUEST_ID, request_id.encode())]
            return [Emission(outlets.results, _key(record), encode_result(body), headers)]
    return []


def _bodies(answer: Answer, request_id: str, now_ms: int, wants_reply: bool) -> tuple[bytes, bytes | None]:
    """The result and the caller's copy of it, which leaves out key id and features."""
    item, outcome, decision = answer.item, answer.outcome, answer.item.decision
    degraded = decision is not None and decision.degraded
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


def _too_large(answer: Answer, size: int) -> Answer:
    item, error_id = answer.item, str(uuid4())
    facts = {"error_id": error_id, "request_id": item.request_id, "model_version": answer.model_version, "bytes": size}
    _log.warning("a result is too large to be sent", extra={"data": facts})
    message = (
        f"the answers with their features have {size} bytes, at most {MAX_RESULT_BYTES} are sent: ask for fewer rows"
    )
    outcome = {"model_version": answer.model_version, "error": refusal("result_too_large", message, error_id=error_id)}
    return Answer(item, "error", outcome, answer.model_version, "result_too_large")


def _headers(item: Candidate | Refusal) -> list[tuple[str, bytes]]:
    headers = [_SCHEMA]
    for name in _CARRIED:
        value = item.headers.get(name)
        if value is not None:
            headers.append((name, value))
    if (key_id := item.key_id) is not None:
        headers.append((h.KEY_ID, key_id.encode()))
    if (decision := item.decision) is not None and decision.limited:
        headers.append((h.RATE_LIMIT, _bucket(decision)))
    return headers


def _key(record: Record) -> bytes | None:
    """The key of a refused record may be of any length; a result's is not."""
    return None if record.key is None else record.key[:MAX_KEY_BYTES]


def _bucket(decision: Decision) -> bytes:
    numbers = (decision.limit, decision.remaining, decision.reset_at, decision.retry_after)
    return b'{"limit":%d,"remaining":%d,"reset":%d,"retry_after":%d}' % numbers


def reply_partition(headers: Mapping[str, bytes], partitions: int) -> int | None:
    """The partition of the replies topic that a record asks its reply on; None where it asks for none, or for none of
    them."""
    wanted = headers.get(h.REPLY_PARTITION, b"")
    if h.REPLY_INSTANCE not in headers or not wanted.isdigit() or len(wanted) > 6:
        return None
    partition = int(wanted)
    return partition if partition < partitions else None
