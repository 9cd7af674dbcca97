"""Quantiles in bounded memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.quantiles import ACCURACY, Quantiles


def counted(*parts: list[float]) -> Quantiles:
    found = Quantiles()
    for part in parts:
        found.add(np.array(part, dtype=np.float64))
    return found


def nearest_rank(values: list[float], share: float) -> float:
    return sorted(values)[max(0, int(np.ceil(share * len(values))) - 1)]


@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1e38)), min_size=1, max_size=40), st.integers(0, 40))
@settings(max_examples=40)
def test_a_quantile_is_within_its_accuracy_of_the_exact_one(values: list[float], cut: int) -> None:
    found = counted(values[:cut], values[cut:])
    for share in (0.5, 0.99, 1.0):
        assert found.at(share) == pytest.approx(nearest_rank(values, share), rel=1.001 * ACCURACY, abs=0)
    assert found.largest == max(values)
    assert found.mean == pytest.approx(np.mean(values))


@pytest.mark.parametrize("edge", [1.0, 1.000000000001, 1.0202020202, 1.0202020203])
def test_at_both_ends_of_a_bucket_the_accuracy_holds(edge: float) -> None:
    assert counted([edge, 2.0]).at(0.5) == pytest.approx(edge, rel=1.000001 * ACCURACY)


def test_zeros_are_exact_and_nothing_is_0() -> None:
    assert (counted().at(0.99), counted().mean, counted().count) == (0.0, 0.0, 0)
    assert counted([0.0] * 99 + [1.0]).at(0.99) == 0.0
    assert counted([0.0] * 98 + [1.0] * 2).at(0.99) == pytest.approx(1.0, rel=1.000001 * ACCURACY)


def test_the_largest_is_never_exceeded() -> None:
    assert counted([0.123456]).at(0.99) <= 0.123456


def test_merged_counts_are_those_of_all_and_a_number_may_count_several_times() -> None:
    ours, theirs = counted([0.0, 0.5]), counted([0.25, 0.0, 0.0])
    ours.merge(theirs)
    ours.add(np.array([4.0]), 3)
    both = counted([0.0, 0.5, 0.25, 0.0, 0.0, 4.0, 4.0, 4.0])
    assert (ours.count, ours.mean, ours.largest) == (both.count, both.mean, both.largest)
    assert ours.summary(30, 50, 99) == both.summary(30, 50, 99)
