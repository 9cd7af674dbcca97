"""The life of a retraining job."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from schemas.errors import Undecodable
from schemas.retraining import (
    ENDS,
    MAX_TOLD,
    STATES,
    IllegalTransition,
    RetrainingJob,
    State,
    encode_job,
    read_job,
)

ASKED = datetime(2026, 11, 27, 11, 0, tzinfo=UTC)
LATER = ASKED + timedelta(minutes=5)
PENDING = RetrainingJob("j-1", "churn", "pending", "manual", "new shop", "ann", ASKED)
LEGAL = {("pending", "running"), *product(["pending"], ["failed", "skipped"]), *product(["running"], ENDS)}


def in_state(state: State) -> RetrainingJob:
    if state in ("pending", "running"):
        return PENDING if state == "pending" else PENDING.to("running", ASKED)
    return PENDING.to("running", ASKED).to(state, ASKED)


@pytest.mark.contract("F4")
@pytest.mark.parametrize(("before", "after"), list(product(STATES, STATES)))
def test_a_job_goes_from_pending_over_running_to_one_end_and_nowhere_else(before: State, after: State) -> None:
    job = in_state(before)
    if (before, after) in LEGAL:
        assert job.to(after, LATER).state == after
        assert job.to(after, LATER).is_over is (after in ENDS)
    else:
        with pytest.raises(IllegalTransition, match=f"job j-1 is {before}: .*, not {after}"):
            job.to(after, LATER)


def test_each_step_has_its_time_and_its_facts_and_the_job_survives_its_bytes() -> None:
    running = PENDING.to("running", ASKED, champion_version="v1")
    ended = running.to("completed", LATER, candidate_version="v2", rows=1000, result={"passed": True})
    assert (ended.requested_at, ended.started_at, ended.ended_at) == (ASKED, ASKED, LATER)
    assert (ended.champion_version, ended.candidate_version) == ("v1", "v2")
    assert read_job(encode_job(ended)) == ended
    assert (PENDING.state, running.ended_at) == ("pending", None)


def test_a_long_error_is_cut() -> None:
    assert PENDING.to("failed", LATER, error="x" * 5000).error == "x" * MAX_TOLD


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_json"),
        (b"{", "not_json"),
        (b"[" * 100_000, "invalid"),
        (b"{}", "invalid"),
        (encode_job(PENDING).replace(b"pending", b"begun"), "invalid"),
        (encode_job(PENDING).replace(b"+00:00", b"").replace(b"Z", b""), "invalid"),
    ],
)
def test_what_is_no_job_is_refused_with_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(Undecodable) as refused:
        read_job(value)
    assert refused.value.reason == reason
