"""What every test of drift keeps to, whichever it is."""

import math

import numpy as np
import pytest

from models.drift import TESTS, drift_test
from models.signature import FeatureType
from schemas.errors import InvalidRequest
from tests.models.drift.worlds import Matrix, column, compared

RANDOM = np.random.default_rng(12)
NORMAL = RANDOM.normal(size=2000).astype(np.float32)
LETTERED = RANDOM.integers(1, 5, 2000).astype(np.float32)

MEMBERS = [(name, kind) for name, test in TESTS.items() for kind in test.kinds]
WILD: list[tuple[FeatureType, Matrix, Matrix]] = [
    ("float", column(1, 1, 1), column(1, 1)),
    ("float", column(1, 1, 1), column(2, 2)),
    ("float", column(1, 1, 1), column(0, 1, 2, 3)),
    ("float", NORMAL, column(0.5)),
    ("float", NORMAL, column(*[7.0] * 1000)),
    ("float", NORMAL, column(np.inf, -np.inf, np.nan, 1)),
    ("float", NORMAL, column(3e38, -3e38)),
    ("float", column(-3e38, 3e38), NORMAL),
    ("float", column(0), column(1e-40)),
    ("int", column(0, 0, 0, 1), column(0)),
    ("int", column(*range(100)), column(2**31, 0)),
    ("str", column(1, 1, 1), column(1)),
    ("str", column(1, 1, 1), column(2, 2, 2)),
    ("str", column(1, 1, 1), column(0, 0, 99)),
    ("str", column(0, 0), column(0, 1)),
]


def test_an_unknown_test_is_answered_with_those_that_can_compare_such_a_feature() -> None:
    with pytest.raises(
        InvalidRequest, match=r"no test 'kl' of a number: known are psi, ks, jensen_shannon, wasserstein$"
    ):
        drift_test("kl", "number")
    with pytest.raises(InvalidRequest, match=r"no test 'ks' of a category: known are psi, jensen_shannon, chi_square$"):
        drift_test("ks", "category")


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_the_same_distribution_is_at_no_distance(name: str, kind: str) -> None:
    current = compared("str", LETTERED, LETTERED) if kind == "category" else compared("float", NORMAL, NORMAL)
    measured = TESTS[name]().measure(current)
    assert measured.distance == pytest.approx(0.0, abs=1e-12)
    assert measured.p_value in (None, 1.0)


@pytest.mark.parametrize(("name", "kind"), MEMBERS)
def test_what_moves_farther_is_farther_and_less_likely(name: str, kind: str) -> None:
    if kind == "category":
        currents = [compared("str", LETTERED, np.where(RANDOM.random(2000) < p, 1, LETTERED)) for p in (0.1, 0.3, 0.6)]
    else:
        currents = [compared("float", NORMAL, NORMAL + np.float32(shift)) for shift in (0.1, 0.5, 1.5)]
    measured = [TESTS[name]().measure(current) for current in currents]
    distances = [one.distance for one in measured]
    assert distances == sorted(distances)
    assert distances[0] > 0
    p_values = [one.p_value for one in measured if one.p_value is not None]
    assert p_values == sorted(p_values, reverse=True)
    assert (TESTS[name].threshold is None) == bool(p_values)


@pytest.mark.parametrize(
    ("name", "wild"),
    [(name, wild) for name, kind in MEMBERS for wild in WILD if (wild[0] == "str") == (kind == "category")],
)
def test_no_samples_give_anything_but_finite_numbers(name: str, wild: tuple[FeatureType, Matrix, Matrix]) -> None:
    measured = TESTS[name]().measure(compared(*wild))
    assert math.isfinite(measured.distance)
    assert measured.distance >= 0
    assert measured.p_value is None or 0 <= measured.p_value <= 1
