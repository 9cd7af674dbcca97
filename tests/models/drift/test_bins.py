import msgspec
import numpy as np

from models.drift import Distribution, FeatureReference, bins, few_bins
from tests.models.drift.worlds import LETTERS, column, compared

RANDOM = np.random.default_rng(9)


def test_a_number_has_about_ten_bins_of_equal_rank_and_what_lies_outside() -> None:
    reference = RANDOM.lognormal(size=5000).astype(np.float32)
    current = np.append(RANDOM.lognormal(size=1000) * 2, [-5, 1e9]).astype(np.float32)
    below, *within, above = bins(compared("float", reference, current))
    assert [piece.where for piece in (below, above)] == ["below", "above"]
    assert (below.low, above.high, below.reference, above.reference) == (None, None, 0, 0)
    assert len(within) == 10
    assert all(abs(piece.reference - 500) <= 100 for piece in within)
    for one, following in zip([below, *within], [*within, above], strict=True):
        assert one.high == following.low
    for piece in within:
        assert piece.current == ((current > np.float32(piece.low)) & (current <= np.float32(piece.high))).sum()
    assert sum(piece.current for piece in (below, *within, above)) == 1002


def test_few_values_have_a_bin_each_at_most() -> None:
    found = bins(compared("int", column(0, 0, 0, 1, 5), column(0, 1, 3)))
    assert sum(piece.reference for piece in found) == 5
    assert sum(piece.current for piece in found) == 3
    assert len(found) <= 6


def many(categories: int) -> Distribution:
    """The reference has one row of each category but the last, and the window has that one alone."""
    reference = np.concatenate([[0], np.repeat(1, categories - 1), [0]])
    known = FeatureReference(
        "x", "feature", "category", reference, column(), tuple(f"category {i}" for i in range(categories))
    )
    return Distribution(known, np.append(np.zeros(categories, dtype=np.int64), 500))


def test_an_event_of_very_many_categories_has_the_most_frequent_and_one_bin_of_all_others() -> None:
    *shown, others, unseen = bins(many(100_000))
    assert len(shown) == 100
    assert (shown[-1].label, shown[-1].current) == ("category 99999", 500)
    assert (others.label, others.reference, others.current) == (None, 100_000 - 1 - 99, 0)
    assert unseen.where == "unseen"
    assert len(msgspec.json.encode([*shown, others, unseen])) < 10_000


def test_the_largest_category_has_a_label_however_many_others_are_alike() -> None:
    few = few_bins(many(50))
    assert few is not None
    assert few.labels[-1] == "category 49"
    assert (sum(few.reference), sum(few.current)) == (49, 500)


def test_a_constant_has_one_bin() -> None:
    assert [piece.reference for piece in bins(compared("float", column(2, 2), column(3)))] == [0, 2, 0]


def test_a_text_has_its_categories_and_unseen_ones() -> None:
    found = bins(compared("str", column(1, 1, 2, 0), column(2, 4, 0)))
    assert [(piece.label, piece.reference, piece.current) for piece in found] == [
        ("a", 2, 0),
        ("b", 1, 1),
        ("c", 0, 0),
        ("d", 0, 1),
        (None, 1, 1),
    ]
    assert [piece.where for piece in found] == ["category"] * 4 + ["unseen"]


def test_few_bins_of_a_number_are_its_bins() -> None:
    current = compared("float", RANDOM.normal(size=500).astype(np.float32), column(-9, 0, 0, 9))
    few = few_bins(current)
    assert few is not None
    assert few.reference == tuple(piece.reference for piece in bins(current))
    assert few.current == tuple(piece.current for piece in bins(current))
    assert few.edges == tuple(piece.high for piece in bins(current)[:-1])
    assert few.labels == ()


def test_few_bins_of_a_text_end_with_other_and_unseen_ones() -> None:
    few = few_bins(compared("str", column(1, 1, 2, 0), column(2, 4, 0)))
    assert few is not None
    assert (few.labels, few.reference, few.current) == (LETTERS, (2, 1, 0, 0, 0, 1), (0, 1, 0, 1, 0, 1))


def test_of_many_categories_few_bins_hold_the_frequent_ones_of_both_samples() -> None:
    names = tuple(f"{'long' * 20} {i}" if i == 7 else f"c{i}" for i in range(100))
    reference = FeatureReference("x", "feature", "category", np.arange(101), np.zeros(0, np.float32), names)
    counts = np.zeros(101, dtype=np.int64)
    counts[8] = 50
    few = few_bins(Distribution(reference, counts))
    assert few is not None
    assert few.labels == (("long" * 20)[:24], *(f"c{i}" for i in range(89, 100)))
    assert sum(few.reference) == reference.rows
    assert few.current == (50, *[0] * 13)


def test_there_are_no_few_bins_without_a_reference() -> None:
    without = FeatureReference("x", "feature", "number", np.zeros(2, dtype=np.int64), column(0))
    assert few_bins(Distribution(without, np.zeros(2, dtype=np.int64))) is None
