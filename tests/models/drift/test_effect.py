"""How many rows a drift moved is neither more nor less than that."""

import numpy as np
import pytest

from models.drift.base import Distribution, FeatureReference
from models.drift.effect import effect
from models.signature import FloatVector
from tests.models.drift.worlds import column, compared

SHARES = {
    "two": np.array([0.98, 0.02]),
    "eighty": np.full(80, 1 / 80),
    "a long tail": 1 / np.arange(1, 301),
    "ten thousand": np.full(10_000, 1e-4),
}


def drawn(shares: FloatVector, moved: float, rows: tuple[int, int], seed: int) -> Distribution:
    """A share of the window's rows lies in the category in the middle, whatever it was."""
    random = np.random.default_rng(seed)
    shares = shares / shares.sum()
    now = shares * (1 - moved)
    now[len(now) // 2] += moved
    before, counts = random.multinomial(rows[0], shares), random.multinomial(rows[1], now)
    nothing = np.zeros(0, dtype=np.float32)
    names = tuple(map(str, range(len(shares))))
    known = FeatureReference("x", "feature", "category", np.append(0, before), nothing, names)
    return Distribution(known, np.append(0, counts))


@pytest.mark.contract("D1")
@pytest.mark.parametrize("rows", [(200, 1000), (5000, 1000), (5000, 100_000)], ids=str)
@pytest.mark.parametrize("moved", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("categories", SHARES)
def test_chance_moves_no_rows_however_many_categories_there_are(
    categories: str, moved: float, rows: tuple[int, int]
) -> None:
    """Their differences alone add up to 12 of 100 rows of 80 categories, and to 61 of 2000, where nothing moved."""
    found = [effect(drawn(SHARES[categories], moved, rows, seed)) for seed in range(20)]
    assert np.mean(found) == pytest.approx(moved, abs=0.03)


@pytest.mark.parametrize(
    ("type_", "before", "now", "expected"),
    [("str", [1, 2] * 500, [1] * 500, 0.5), ("float", [0.0, 1.0] * 500, [1.0] * 500, 0.5), ("str", [1], [2], 0.0)],
)
def test_what_moved_is_told_as_it_is_and_too_few_rows_to_compare_have_not(
    type_: str, before: list[float], now: list[float], expected: float
) -> None:
    assert effect(compared(type_, column(*before), column(*now))) == pytest.approx(expected, abs=0.001)  # type: ignore[arg-type]
