"""References are read from manifests of any age; what makes no sense is a feature without a reference."""

from typing import Any

import numpy as np
import pytest

from models.churn import CHURN
from models.drift import Sketch, reference_of
from models.profile import reference_profile
from models.signature import Feature, Signature
from tests.models.drift.worlds import column, customers

TWO = Signature((Feature("n", "float"), Feature("c", "str", categories=("a", "b"))), "y")
OLDER = {
    "n": {
        "edges": [0.1, 0.5],
        "counts": [3, 4, 5],
        "mean": 0.4,
        "std": 0.3,
        "minimum": 0.0,
        "maximum": 1.0,
        "missing": 2,
    },
    "c": {"counts": {"a": 5, "b": 6}, "unseen": 1, "missing": 2},
}


def test_a_model_without_a_profile_has_no_reference() -> None:
    assert reference_of(CHURN, None) is None


def test_a_manifest_without_the_grid_is_read_by_its_bins() -> None:
    known = reference_of(TWO, OLDER)
    assert known is not None
    number, text = known.features
    assert known.answer is None
    assert (number.counts.tolist(), number.rows, number.missing) == ([0, 3, 4, 5, 0], 12, 2)
    assert (text.counts.tolist(), text.categories) == ([1, 5, 6], ("a", "b"))
    sketch = Sketch(known)
    values = column(-0.01, 0, 0.1, np.nextafter(np.float32(0.1), np.float32(1)), 0.5, 0.51, 1, 1.01)
    sketch.add(np.stack([values, np.ones(8, dtype=np.float32)], axis=1))
    # float32(0.1) is above the double 0.1, which is the edge.
    assert sketch.distribution(0).counts.tolist() == [1, 1, 3, 2, 1]


def test_the_bins_of_an_older_manifest_count_training_rows_as_they_were() -> None:
    rows = customers(2000, seed=3)
    profile = reference_profile(CHURN, rows)
    known = reference_of(CHURN, {name: {k: v for k, v in p.items() if k != "grid"} for name, p in profile.items()})
    assert known is not None
    sketch = Sketch(known)
    sketch.add(rows)
    for found in sketch.distributions():
        assert found.counts.tolist() == found.reference.counts.tolist()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("n", None),
        ("n", {}),
        ("n", {"edges": ["a"]}),
        ("n", OLDER["n"] | {"edges": [0.5, 0.1]}),
        ("n", OLDER["n"] | {"edges": [float("nan"), 0.1]}),
        ("n", OLDER["n"] | {"counts": [1, 2]}),
        ("n", OLDER["n"] | {"counts": [1, -2, 3]}),
        ("n", OLDER["n"] | {"counts": [0, 0, 0]}),
        ("n", OLDER["n"] | {"counts": [2**60] * 3}),
        ("n", OLDER["n"] | {"std": float("inf")}),
        ("n", OLDER["n"] | {"maximum": float("nan")}),
        ("n", OLDER["n"] | {"grid": {"edges": [], "counts": []}}),
        ("n", OLDER["n"] | {"grid": 7}),
        ("n", OLDER["n"] | {"distinct": 0}),
        ("c", {"counts": [1, 2], "unseen": 0, "missing": 0}),
        ("c", {"counts": {"a": 1.5}, "unseen": 0, "missing": 0}),
        ("c", {"counts": {}, "unseen": 0, "missing": 9}),
    ],
)
def test_what_makes_no_sense_is_a_feature_without_a_reference(name: str, part: Any) -> None:
    known = reference_of(TWO, {**OLDER, name: part})
    assert known is not None
    rows = {column.name: column.rows for column in known.columns}
    assert rows == {"n": 12, "c": 12} | {name: 0}
    sketch = Sketch(known)
    sketch.add(np.array([[0.5, 1], [np.nan, np.nan], [-9, 0]], dtype=np.float32))
    assert [found.rows for found in sketch.distributions()] == [2, 2]


def test_the_digest_tells_cells_apart_and_nothing_else() -> None:
    rows = customers(1000, seed=3)
    one, same = (reference_of(CHURN, reference_profile(CHURN, rows)) for _ in range(2))
    other = reference_of(CHURN, reference_profile(CHURN, rows[:999]))
    answered = reference_of(CHURN, reference_profile(CHURN, rows, rows[:, 8].astype(np.float64)))
    assert one is not None
    digests = [known.digest for known in (one, same, other, answered) if known]
    assert digests[0] == digests[1]
    assert [len(digest) for digest in set(digests)] == [16, 16, 16]
