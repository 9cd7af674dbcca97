import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.bucket import UNITS, Level, settle, spend

S = 1_000_000
"""Microseconds in a second."""

moments = st.integers(0, 4 * 10**15)
limits = st.integers(1, 10_000_000)
levels = st.builds(
    lambda units, at, rate, size: Level(units % (size * UNITS + 1), at, rate, size),
    st.integers(0, 10**17),
    moments,
    limits,
    limits,
)


def admitted_of(times: int, *, now_us: int, per_hour: int, capacity: int) -> tuple[int, Level | None]:
    level, admitted = None, 0
    for _ in range(times):
        level, passed, *_ = spend(level, now_us, per_hour, capacity, 1)
        admitted += passed
    return admitted, level


@pytest.mark.contract("B1")
def test_of_101_at_once_a_hundred_pass_and_the_next_token_comes_after_3600_ms() -> None:
    admitted, level = admitted_of(100, now_us=0, per_hour=1000, capacity=100)
    assert admitted == 100
    denied = spend(level, 0, 1000, 100, 1)
    assert (denied.admitted, denied.remaining, denied.retry_after_us) == (False, 0, 3_600_000)
    assert not spend(level, 3_599_999, 1000, 100, 1).admitted
    assert spend(level, 3_600_000, 1000, 100, 1).admitted


@pytest.mark.contract("B2")
@pytest.mark.parametrize("checked", [(), (1100,), (1100, 1200, 1300), (1359, 1359, 1100)])
def test_ten_an_hour_admits_again_at_exactly_1360_whatever_was_checked_between(checked: tuple[int, ...]) -> None:
    level, remaining = None, []
    for _ in range(10):
        spent = spend(level, 1000 * S, 10, 10, 1)
        level = spent.level
        remaining.append(spent.remaining)
    assert remaining == list(range(9, -1, -1))
    for second in (1000, *checked):
        spent = spend(level, second * S, 10, 10, 1)
        assert not spent.admitted
        level = spent.level
    assert not spend(level, 1360 * S - 1, 10, 10, 1).admitted
    assert spend(level, 1360 * S, 10, 10, 1).admitted


@pytest.mark.contract("B2")
@given(levels, moments, st.integers(0, 20_000_000))
def test_a_denial_costs_nothing_and_a_charge_exactly_its_cost(level: Level, now_us: int, cost: int) -> None:
    before = settle(level, now_us, level.per_hour, level.capacity)
    after = spend(level, now_us, level.per_hour, level.capacity, cost)
    assert before.units - after.level.units == (cost * UNITS if after.admitted else 0)
    assert after.admitted == (before.units >= cost * UNITS)


@pytest.mark.contract("B2")
@given(levels, moments, limits, limits)
def test_refill_never_passes_the_capacity(level: Level, now_us: int, per_hour: int, capacity: int) -> None:
    assert settle(level, now_us, per_hour, capacity).units <= min(level.capacity, capacity) * UNITS


@pytest.mark.contract("B2")
@given(levels, moments)
def test_a_clock_that_goes_backwards_changes_nothing(level: Level, now_us: int) -> None:
    earlier = min(now_us, level.at_us)
    assert settle(level, earlier, level.per_hour, level.capacity) == level


@given(levels, st.lists(st.integers(0, 10**13), min_size=1, max_size=5))
def test_looking_in_between_changes_no_level(level: Level, steps: list[int]) -> None:
    now_us, watched = level.at_us, level
    for step in steps:
        now_us += step
        watched = settle(watched, now_us, level.per_hour, level.capacity)
    assert watched == settle(level, now_us, level.per_hour, level.capacity)


@given(levels, moments, st.integers(1, 10_000_000))
def test_who_waits_as_told_passes_and_a_microsecond_less_does_not_do(level: Level, now_us: int, cost: int) -> None:
    denied = spend(level, now_us, level.per_hour, level.capacity, cost)
    if denied.admitted or cost > level.capacity:
        assert denied.retry_after_us == 0
        return
    ready = denied.level.at_us + denied.retry_after_us
    assert spend(denied.level, ready, level.per_hour, level.capacity, cost).admitted
    assert not spend(denied.level, ready - 1, level.per_hour, level.capacity, cost).admitted


@given(levels, moments)
def test_a_bucket_is_full_when_it_says_so(level: Level, now_us: int) -> None:
    spent = spend(level, now_us, level.per_hour, level.capacity, 0)
    full = settle(spent.level, spent.full_at_us, level.per_hour, level.capacity)
    assert full.units == level.capacity * UNITS


@pytest.mark.contract("B3")
def test_a_raised_limit_hands_out_no_second_full_bucket() -> None:
    _, empty = admitted_of(11, now_us=0, per_hour=10, capacity=10)
    raised = spend(empty, 0, 1000, 1000, 1)
    assert (raised.admitted, raised.remaining) == (False, 0)


@pytest.mark.contract("B3")
def test_time_before_the_raise_counts_at_the_old_limit() -> None:
    _, empty = admitted_of(10, now_us=0, per_hour=10, capacity=10)
    assert settle(empty, 3600 * S, 3600, 3600).tokens == 10


@pytest.mark.contract("B3")
def test_a_lowered_limit_clamps_what_is_left() -> None:
    assert spend(settle(None, 0, 1000, 100), 0, 20, 2, 1).remaining == 1


def test_what_costs_more_than_the_bucket_holds_never_passes() -> None:
    spent = spend(None, 0, 10, 10, 11)
    assert (spent.admitted, spent.remaining, spent.retry_after_us) == (False, 10, 0)
