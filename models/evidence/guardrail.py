"""The bounds past which a route rolls itself back: no statistics, as a false alarm costs little and a wait much."""

from models.evidence.tally import ArmTally
from schemas.routes import Guardrail


def passed(guardrail: Guardrail, candidate: ArmTally, p99_ms: float | None) -> str | None:
    """Which bound the candidate is past, for people, or None; p99_ms: of its latency, None where it is not known."""
    if candidate.requests < guardrail.requests:
        return None
    who = f"{candidate.arm} ({candidate.version})"
    if guardrail.error_ratio is not None and candidate.error_ratio > guardrail.error_ratio:
        seen = f"{candidate.errors} errors in {candidate.requests} requests, a ratio of {candidate.error_ratio:.4f}"
        return f"{who} has {seen}; {guardrail.error_ratio:g} is allowed"
    if guardrail.p99_ms is not None and p99_ms is not None and p99_ms > guardrail.p99_ms:
        return f"{who} answers with a p99 of {p99_ms:.1f} ms; {guardrail.p99_ms:g} ms is allowed"
    return None
