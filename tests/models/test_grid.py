import numpy as np
import pytest

from models.grid import CELLS, below, grid, rank_error

SEED = 20261127


def values(kind: str) -> np.ndarray:
    random = np.random.default_rng(SEED)
    drawn = {
        "normal": random.normal(size=5000),
        "lognormal": random.lognormal(4, 2, 5000),
        "mostly_zero": random.exponential(50, 5000) * (random.random(5000) < 0.02),
        "heaps": np.where(random.random(5000) < 0.9, random.integers(0, 60, 5000) * 10.0, random.normal(300, 99, 5000)),
        "count": random.poisson(random.gamma(2, 200, 5000)).astype(float),
        "beyond_exact_integers": random.integers(0, 2**40, 5000).astype(float),
    }
    return drawn[kind].astype(np.float32)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "mostly_zero", "heaps", "count", "beyond_exact_integers"])
def test_cells_are_few_rise_hold_every_row_and_are_narrow_by_rank(kind: str, whole: bool) -> None:
    sample = np.round(values(kind)) if whole else values(kind)
    edges, counts = grid(sample, whole)
    assert len(counts) == len(edges) - 1 <= CELLS
    assert (np.diff(edges) > 0).all()
    assert counts.sum() == len(sample)
    assert (edges[0] < sample.min(), edges[-1]) == (True, sample.max())
    assert counts.tolist() == np.histogram(sample, np.nextafter(edges, np.float32(np.inf)))[0].tolist()
    # An edge may be a value that many rows share: two cells' worth is the most, one is the rule.
    assert rank_error(edges, counts, whole) <= 2 / 64


def test_few_distinct_values_have_a_cell_each_and_so_has_what_lies_between() -> None:
    edges, counts = grid(np.array([0, 0, 0.5, 1], dtype=np.float32), whole=False)
    assert counts.tolist() == [2, 0, 1, 0, 1]
    assert np.searchsorted(edges, np.float32(0.75)) == 4
    assert rank_error(edges, counts, whole=False) == 0.0


def test_integers_in_a_row_leave_nothing_between() -> None:
    edges, counts = grid(np.array([3, 4, 4, 5, 9], dtype=np.float32), whole=True)
    assert (edges.tolist(), counts.tolist()) == ([2, 3, 4, 5, 8, 9], [1, 2, 1, 0, 1])


def test_a_constant_has_one_cell() -> None:
    for whole in (False, True):
        edges, counts = grid(np.full(7, 2.0, dtype=np.float32), whole)
        assert (len(edges), edges[1], counts.tolist()) == (2, 2.0, [7])


@pytest.mark.parametrize("value", [0.0, -1.5, 3e38, 2.0**30])
def test_what_is_below_is_always_less(value: float) -> None:
    number = np.array([value], dtype=np.float32)
    assert below(number, whole=False)[0] < number[0]
    assert below(number, whole=True)[0] < number[0]
