"""Guardrails: which bound was passed, in words, and how seldom by chance alone."""

import numpy as np
import pytest

from models.evidence import ArmTally, Late, passed
from models.evidence.bounds import evidence_below
from models.evidence.guardrail import RISK, SLOWEST
from schemas.routes import Guardrail
from tests.models.evidence.runs import COUNTS, RUNS, generator, hits, noise

GUARDRAIL = Guardrail(error_ratio=0.05, p99_ms=200, requests=100)
NONE = Late(0, 0)


def canary(served: int, errors: int = 0) -> ArmTally:
    return ArmTally("canary", "v2", served=served, errors=errors)


def test_errors_past_their_bound_are_told_with_their_numbers() -> None:
    told = passed(GUARDRAIL, canary(200, 40), NONE)
    assert told == (
        "canary (v2) has 40 errors in 200 requests, a ratio of 0.2000 and surely of 0.1136; 0.05 is allowed"
    )


def test_a_latency_past_its_bound_is_told_with_its_numbers() -> None:
    told = passed(GUARDRAIL, ArmTally("shadow", "v2", evaluated=120), Late(12, 110))
    assert told == (
        "shadow (v2) is past its p99: 12 of 110 requests took longer than 200 ms, where one in a hundred may"
    )


@pytest.mark.parametrize(
    ("requests", "errors", "late"),
    [(99, 99, Late(99, 99)), (200, 10, Late(2, 200)), (200, 0, NONE), (0, 0, NONE), (100, 6, Late(2, 100))],
)
def test_nothing_is_told_at_the_bound_by_chance_or_before_so_many_requests(
    requests: int, errors: int, late: Late
) -> None:
    assert passed(GUARDRAIL, canary(requests, errors), late) is None


def test_a_guardrail_without_bounds_lets_everything_pass() -> None:
    assert passed(Guardrail(), canary(200, 200), Late(200, 200)) is None


@pytest.mark.parametrize(("errors", "late"), [(100, 0), (0, 100), (30, 0), (0, 10)])
def test_a_candidate_that_is_broken_is_found_with_the_first_look(errors: int, late: int) -> None:
    assert passed(GUARDRAIL, canary(100, errors), Late(late, 100)) is not None


@pytest.mark.parametrize("bound", [0.05, SLOWEST])
def test_a_candidate_at_its_bound_is_ever_rolled_back_in_no_more_runs_than_the_risk(bound: float) -> None:
    draws = generator()
    seen = hits(bound, RUNS, draws)
    counts = np.broadcast_to(COUNTS.astype(float), seen.shape)
    passes = evidence_below(counts, counts - seen, 1 - bound) > np.log(2 / RISK)
    assert passes.any(axis=1).mean() <= RISK / 2 + noise(RISK / 2)
    by_its_ratio = (seen > bound * counts).any(axis=1)
    assert by_its_ratio.mean() > 10 * RISK, "what its ratio alone would do"
    guardrail = Guardrail(error_ratio=bound, requests=1) if bound != SLOWEST else Guardrail(p99_ms=1, requests=1)
    for run, look in [*np.argwhere(passes)[:5], *np.argwhere(~passes & by_its_ratio[:, None])[:5]]:
        count, past = int(COUNTS[look]), int(seen[run, look])
        tally, late = (canary(count, past), NONE) if bound != SLOWEST else (canary(count), Late(past, count))
        assert (passed(guardrail, tally, late) is not None) == passes[run, look]
