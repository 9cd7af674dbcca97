"""A candidate that breaks after a long good time is found at once, and one within its bounds hardly ever."""

import numpy as np
import pytest

from models.evidence import ArmTally, Late, Lately, passed
from models.evidence.guardrail import RISK
from schemas.routes import Guardrail
from tests.models.evidence.runs import generator

GUARDRAIL = Guardrail(error_ratio=0.05, p99_ms=200, requests=100)
PLAN = ("churn", 3, "canary")


def canary(served: int, errors: int = 0) -> ArmTally:
    return ArmTally("canary", "v2", served=served, errors=errors)


def after_a_good_time(requests: int = 1_000_000, looks: int = 500) -> Lately:
    lately = Lately()
    for served in np.linspace(0, requests, looks, dtype=int).tolist():
        assert lately.passed(PLAN, GUARDRAIL, canary(served, served // 100), Late(served // 1000, served)) is None
    return lately


@pytest.mark.parametrize(("errors", "slower"), [(200, 0), (60, 0), (0, 200), (0, 30)])
def test_a_breakage_is_found_within_some_requests_however_many_went_well_before(errors: int, slower: int) -> None:
    lately = after_a_good_time()
    broken, late = canary(1_000_200, 10_000 + errors), Late(1000 + slower, 1_000_200)
    assert passed(GUARDRAIL, broken, late) is None, "the whole hides it"
    told = lately.passed(PLAN, GUARDRAIL, broken, late)
    assert told is not None
    assert told.startswith("canary (v2)")
    assert "200 requests" in told
    assert told.endswith("of late")


def test_what_is_past_its_bound_from_the_beginning_is_found_as_ever() -> None:
    told = Lately().passed(PLAN, GUARDRAIL, canary(200, 40), Late(0, 0))
    assert told == passed(GUARDRAIL, canary(200, 40), Late(0, 0), RISK / 2)


def test_plans_and_arms_have_stretches_of_their_own() -> None:
    lately = after_a_good_time()
    assert lately.passed(("churn", 4, "canary"), GUARDRAIL, canary(200, 4), Late(0, 200)) is None
    assert lately.passed(PLAN, GUARDRAIL, canary(1_000_200, 10_100), Late(1000, 1_000_200)) is not None


def test_counts_that_begin_anew_are_no_stretch_of_less_than_nothing() -> None:
    lately = after_a_good_time()
    assert lately.passed(PLAN, GUARDRAIL, canary(150, 2), Late(0, 150)) is None
    assert lately.passed(PLAN, GUARDRAIL, canary(300, 140), Late(0, 300)) is not None


def test_the_more_stretches_there_were_the_more_is_asked_of_each() -> None:
    """Else the risk of all together would grow with them."""
    few, many = after_a_good_time(2000, 5), after_a_good_time(1_000_000, 500)
    assert few.passed(PLAN, GUARDRAIL, canary(2200, 20 + 32), Late(0, 0)) is not None
    assert many.passed(PLAN, GUARDRAIL, canary(1_000_200, 10_000 + 32), Late(0, 0)) is None
    assert many.passed(PLAN, GUARDRAIL, canary(1_000_400, 10_000 + 72), Late(0, 0)) is not None


@pytest.mark.no_cover
def test_a_candidate_at_its_bound_is_ever_rolled_back_in_no_more_runs_than_the_risk() -> None:
    """Looked at every hundred requests, for ten thousand of them."""
    draws, guardrail = generator(), Guardrail(error_ratio=0.05, requests=100)
    runs, looks = 200, 100
    errors = draws.binomial(100, 0.05, (runs, looks)).cumsum(axis=1)
    rolled_back = 0
    for run in errors.tolist():
        lately = Lately()
        told = (lately.passed(PLAN, guardrail, canary(100 * (i + 1), seen), Late(0, 0)) for i, seen in enumerate(run))
        rolled_back += any(why is not None for why in told)
    assert rolled_back <= RISK * runs
