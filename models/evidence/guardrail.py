"""The bounds past which a route rolls itself back, once it is shown to be past them."""

from typing import NamedTuple

from models.evidence.bounds import lower
from models.evidence.tally import ArmTally
from schemas.routes import Guardrail

RISK = 0.05
"""That a route whose candidates are all within their bounds is ever rolled back, at any number of looks. Without it one
at half of its bound would be in one of ten cases for its errors, and in one of three for its p99."""
SLOWEST = 0.01
"""Of the requests may take longer than their p99."""


class Late(NamedTuple):
    """slower: the requests that took longer than the guardrail's p99_ms. of: those whose latency is known."""

    slower: int
    of: int


def passed(guardrail: Guardrail, candidate: ArmTally, late: Late, risk: float = RISK) -> str | None:
    """Which bound the candidate is shown to be past, for people, or None."""
    if candidate.requests < guardrail.requests:
        return None
    who, each = f"{candidate.arm} ({candidate.version})", risk / 2
    # What is surely past a bound is past it by its ratio, which is asked first: it costs nothing.
    if guardrail.error_ratio is not None and candidate.error_ratio > guardrail.error_ratio:
        surely = lower(candidate.requests, candidate.errors, each)
        if surely > guardrail.error_ratio:
            seen = f"{candidate.errors} errors in {candidate.requests} requests, a ratio of {candidate.error_ratio:.4f}"
            return f"{who} has {seen} and surely of {surely:.4f}; {guardrail.error_ratio:g} is allowed"
    if guardrail.p99_ms is None or late.slower <= SLOWEST * late.of:
        return None
    if lower(late.of, late.slower, each) > SLOWEST:
        seen = f"{late.slower} of {late.of} requests took longer than {guardrail.p99_ms:g} ms"
        return f"{who} is past its p99: {seen}, where one in a hundred may"
    return None
