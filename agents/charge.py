"""Charging: a token for every row, and what becomes of a request whose bucket has not as many."""

from collections.abc import Iterator, Sequence
from typing import Any

from agents.candidate import Candidate, Refusal
from agents.ports import Limiter
from schemas.errors import FieldError
from schemas.message import Batch
from schemas.quota import Charge, Decision
from schemas.request import PredictionRequest
from schemas.result import Status, named, refusal

TOO_MANY_ROWS = "too_many_rows"


async def charge(batch: Batch, examined: list[Candidate | Refusal], limiter: Limiter) -> list[Candidate | Refusal]:
    """The examined records of the batch with the limiter's decision on each candidate.

    One with more rows than its bucket ever holds ends as invalid: no waiting helps, so Redis is not asked.
    """
    candidates = [item for item in examined if isinstance(item, Candidate)]
    if not candidates:
        return examined
    charges = list(_charges(candidates, limiter.explain_cost))
    if limiter.refuses and any(charge.cost > charge.capacity for charge in charges):
        return await charge(batch, [_bounded(item, limiter.explain_cost) for item in examined], limiter)
    decisions = await limiter.charge(batch.topic, charges, batch.share)
    for candidate, decision in zip(candidates, decisions, strict=True):
        candidate.decision = decision
    return [item if item.decision is None or item.decision.outcome == "admitted" else _ended(item) for item in examined]


def _charges(candidates: Sequence[Candidate], explain_cost: int) -> Iterator[Charge]:
    limits: dict[str, tuple[str, int, int]] = {}
    for candidate in candidates:
        key, record = candidate.key, candidate.record
        if key.key_id not in limits:
            limits[key.key_id] = key.bucket, key.rate_limit, key.capacity
        bucket, per_hour, capacity = limits[key.key_id]
        yield Charge(
            bucket,
            per_hour,
            capacity,
            _cost(candidate.request, explain_cost) if candidate.request.explain else len(candidate.request.rows),
            record.partition,
            record.offset,
            f"{candidate.request_id}:{candidate.body_digest[:24]}",
            candidate.expired,
        )


def _cost(request: PredictionRequest, explain_cost: int) -> int:
    """Tokens: one a row, or as many as its explanation costs."""
    return len(request.rows) * (explain_cost if request.explain else 1)


def _bounded(item: Candidate | Refusal, explain_cost: int) -> Candidate | Refusal:
    """The item, refused where its bucket can never hold what it costs."""
    if isinstance(item, Refusal) or _cost(item.request, explain_cost) <= item.key.capacity:
        return item
    request, holds = item.request, item.key.capacity
    rows = len(request.rows)
    most = holds // (explain_cost if request.explain else 1)
    each = f" of {explain_cost} tokens with their explanations" if request.explain else ""
    advice = f"send at most {most} rows at once" if most else "leave `explain` out"
    fields = named([FieldError("rows", f"must be at most {most} for this key", f"array of {rows}")])
    message = (
        f"the request has {rows} rows{each} and its key's bucket holds {holds} at most: {advice}, "
        "or ask for a larger burst"
    )
    return _refused(item, "invalid", refusal(TOO_MANY_ROWS, message, fields=fields), dead_letter=TOO_MANY_ROWS)


def _ended(item: Candidate | Refusal) -> Refusal:
    """A candidate that was not admitted."""
    assert isinstance(item, Candidate)
    assert item.decision is not None
    if item.decision.outcome == "denied":
        message = f"the limit of {item.decision.limit} per hour is used up: {_advice(item.decision)}"
        return _refused(item, "rate_limited", refusal("rate_limited", message))
    error = refusal("expired", "the deadline had passed before the request was scored")
    return _refused(item, "expired", error, dead_letter="expired")


def _advice(decision: Decision) -> str:
    if decision.retry_after > 0:
        return f"retry in {decision.retry_after} s"
    return "this request has more rows than the bucket ever holds, send fewer at once"


def _refused(candidate: Candidate, status: Status, error: dict[str, Any], *, dead_letter: str | None = None) -> Refusal:
    return Refusal(
        candidate.record,
        candidate.headers,
        status,
        error,
        candidate.request_id,
        candidate.request.entity,
        candidate.key.key_id,
        candidate.decision,
        dead_letter,
    )
