"""Guardrails: which bound was passed, in words."""

import pytest

from models.evidence import ArmTally, passed
from schemas.routes import Guardrail

GUARDRAIL = Guardrail(error_ratio=0.05, p99_ms=200, requests=100)


def test_errors_past_their_bound_are_told_with_their_numbers() -> None:
    told = passed(GUARDRAIL, ArmTally("canary", "v2", served=200, errors=11), 150)
    assert told == "canary (v2) has 11 errors in 200 requests, a ratio of 0.0550; 0.05 is allowed"


def test_a_latency_past_its_bound_is_told_with_its_numbers() -> None:
    told = passed(GUARDRAIL, ArmTally("shadow", "v2", evaluated=100), 312.34)
    assert told == "shadow (v2) answers with a p99 of 312.3 ms; 200 ms is allowed"


@pytest.mark.parametrize(
    ("requests", "errors", "p99_ms"), [(99, 99, 900.0), (200, 10, 200.0), (200, 0, None), (0, 0, None)]
)
def test_nothing_is_told_at_the_bound_or_before_so_many_requests(requests: int, errors: int, p99_ms: float) -> None:
    assert passed(GUARDRAIL, ArmTally("canary", "v2", served=requests, errors=errors), p99_ms) is None


def test_a_guardrail_without_bounds_lets_everything_pass() -> None:
    assert passed(Guardrail(), ArmTally("canary", "v2", served=200, errors=200), 9e9) is None
