"""Sketches count rows exactly, whatever parts and order they come in."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drift import TESTS, Sketch, merged
from tests.models.drift.worlds import Matrix, churn_reference, column, customers, parts, reference, sketched

SEED = 7


@pytest.fixture(scope="module")
def rows() -> Matrix:
    return customers(3000, SEED)


@pytest.mark.no_cover
@pytest.mark.contract("D2")
@given(cuts=st.lists(st.integers(0, 3000), max_size=8), order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_parts_in_any_order_make_the_sketch_of_the_whole(rows: Matrix, cuts: list[int], order: object) -> None:
    known = churn_reference(rows[:500])
    sketches = [sketched(known, part) for part in parts(rows, sorted(cuts))]
    order.shuffle(sketches)  # type: ignore[attr-defined]
    whole = sketched(known, rows)
    assert merged(known, sketches) == whole
    assert whole.rows == 3000


def test_the_reference_rows_give_back_the_reference(rows: Matrix) -> None:
    known = churn_reference(rows)
    for found in sketched(known, rows).distributions():
        assert found.counts.tolist() == found.reference.counts.tolist()
        assert (found.missing, found.below, found.above) == (0, 0.0, 0.0)


def test_what_was_added_can_be_subtracted(rows: Matrix) -> None:
    known = churn_reference(rows[:500])
    whole = sketched(known, rows)
    whole.subtract(sketched(known, rows[1000:]))
    first = sketched(known, rows[:1000])
    assert (whole.rows, whole.counts.tolist(), whole.tails.tolist()) == (
        1000,
        first.counts.tolist(),
        first.tails.tolist(),
    )
    with pytest.raises(ValueError, match="no part of this one"):
        first.subtract(sketched(known, rows))


def test_values_far_out_that_were_subtracted_move_no_distance() -> None:
    """A window begins amid a place whose earlier rows, with what was odd in them, belong to the one before."""
    values = np.random.default_rng(SEED).normal(size=3000).astype(np.float32)
    known = reference("float", values[:2000])
    odd = column(1e6, -1e6, 0)
    window = sketched(known, odd, values[2000:])
    window.subtract(sketched(known, odd))
    found, expected = window.distribution(0), sketched(known, values[2000:]).distribution(0)
    distances = [
        {name: test().measure(one).distance for name, test in TESTS.items() if "number" in test.kinds}
        for one in (found, expected)
    ]
    assert distances[0] == pytest.approx(distances[1], abs=0.005)
    window.subtract(sketched(known, values[2000:]))
    assert window.distribution(0).maximum is None


def test_only_sketches_on_the_same_cells_are_told_together(rows: Matrix) -> None:
    one, other = churn_reference(rows[:500]), churn_reference(rows[500:])
    assert sketched(one, rows) != sketched(other, rows)
    with pytest.raises(ValueError, match="different references"):
        sketched(one, rows).merge(sketched(other, rows))


def test_missing_and_outside_and_how_far_outside_are_counted_apart() -> None:
    known = reference("float", column(1, 2, 3, 4))
    found = sketched(known, column(np.nan, 0.5, -1, 2.5, 4, 5, np.nan, 7)).distribution(0)
    assert (found.missing, found.rows) == (2, 6)
    assert (found.counts[0], found.counts[-1]) == (2, 2)
    assert (found.below, found.above) == pytest.approx((2.5, 4.0), abs=1e-4)
    assert (found.minimum, found.maximum) == (-1.0, 7.0)


def test_infinity_is_outside_and_far_and_no_infinity_comes_out() -> None:
    known = reference("float", column(1, 2, 3, 4))
    found = sketched(known, column(np.inf, -np.inf, 2)).distribution(0)
    assert (found.counts[0], found.counts[-1], found.missing) == (1, 1, 0)
    assert np.isfinite([found.below, found.above, found.minimum, found.maximum]).all()


def test_unseen_categories_share_a_bucket_and_missing_ones_another() -> None:
    known = reference("str", column(1, 1, 2, 3))
    found = sketched(known, column(0, 1, 4, 4, 99, np.nan)).distribution(0)
    assert (found.counts.tolist(), found.missing) == ([2, 1, 0, 0, 2], 1)


def test_answers_are_counted_as_a_column_of_their_own() -> None:
    known = reference("int", column(1, 2), scores=np.array([0.25, 0.75]))
    sketch = Sketch(known)
    sketch.add(column(1, 2, 3)[:, None], column(0.25, 0.5, np.nan))
    sketch.add(column(1)[:, None])
    answers = sketch.distribution(1)
    assert (answers.reference.name, answers.reference.subject) == ("y_probability", "prediction")
    assert (answers.rows, answers.missing) == (2, 2)


def test_no_rows_change_nothing_and_rows_of_other_features_are_refused(rows: Matrix) -> None:
    known = churn_reference(rows[:500])
    sketch = sketched(known, rows[:0])
    assert sketch == Sketch(known)
    assert sketch.distribution(0).minimum is None
    with pytest.raises(ValueError, match="21 features"):
        sketch.add(rows[:, :20])


@pytest.mark.contract("D2")
def test_a_thousand_features_take_few_bytes_and_adding_and_merging_are_quick() -> None:
    """The aims are 1 ms, 50 ms and 200 MiB; the bounds leave room for a busy machine."""
    rows = customers(1000, SEED)
    known = churn_reference(rows)
    sketches = [sketched(known, rows) for _ in range(64)]
    assert _cpu_ms(lambda: sketches[0].add(rows)) < 5
    assert _cpu_ms(lambda: merged(known, sketches)) < 50
    sketch = sketches[0]
    per_feature = (sketch.counts.nbytes + sketch.tails.nbytes + sketch.extremes.nbytes) / 21
    assert 1000 * per_feature < 4 * 2**20


def _cpu_ms(work: object, times: int = 10) -> float:
    begin = time.process_time()
    for _ in range(times):
        work()  # type: ignore[operator]
    return (time.process_time() - begin) / times * 1e3
