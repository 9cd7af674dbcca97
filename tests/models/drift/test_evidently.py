"""Evidently's own answers, on the same samples, are what ours must be up to what the grid hides.

evidently.json was written by `tests.models.drift.ask_evidently`. Ours differ since values are known by their cell
alone, at most 128 of them, and are taken to be spread evenly within it.
"""

import json
from pathlib import Path

import pytest

from models.drift import TESTS
from models.drift.ks import KS
from models.grid import rank_error
from tests.models.drift.samples import drawn
from tests.models.drift.worlds import compared

EVIDENTLY = json.loads((Path(__file__).parent / "evidently.json").read_text())
FEW_VALUES = ("few", "few_shifted", "category", "category_shifted")


def asked(test: str) -> list[tuple[str, str]]:
    return [(seed, name) for seed, answers in EVIDENTLY.items() for name, found in answers.items() if test in found]


def ours(test: str, seed: str, name: str) -> tuple[float, float]:
    """Ours and Evidently's."""
    type_, samples = drawn(int(seed))[name]
    measured = TESTS[test]().measure(compared(type_, *samples))  # type: ignore[arg-type]
    return measured.p_value if test == "ks" and measured.p_value else measured.distance, EVIDENTLY[seed][name][test]


def exact(name: str) -> float:
    """Up to 20 different values have a cell each: nothing is hidden."""
    return 1e-6 if name in FEW_VALUES else 1.0


@pytest.mark.parametrize(("seed", "name"), asked("psi"))
def test_psi_is_evidently_s(seed: str, name: str) -> None:
    """Evidently counts in some 14 bins of equal width; the rare rows of a wide cell may fall into another one."""
    found, right = ours("psi", seed, name)
    assert abs(found - right) <= (0.01 + 0.06 * right) * exact(name)


@pytest.mark.parametrize(("seed", "name"), asked("jensen_shannon"))
def test_jensen_shannon_is_evidently_s(seed: str, name: str) -> None:
    found, right = ours("jensen_shannon", seed, name)
    assert abs(found - right) <= 0.012 * exact(name)


@pytest.mark.parametrize(("seed", "name"), asked("wasserstein"))
def test_wasserstein_is_evidently_s(seed: str, name: str) -> None:
    """A hundredth of the reference's deviation."""
    found, right = ours("wasserstein", seed, name)
    assert abs(found - right) <= 0.01 * exact(name)


@pytest.mark.parametrize(("seed", "name"), asked("ks"))
def test_ks_p_values_are_evidently_s_or_somewhat_larger(seed: str, name: str) -> None:
    """Two things raise them: the limit instead of the exact distribution, and a statistic that the grid makes less."""
    found, right = ours("ks", seed, name)
    assert found >= right * (1 - 1e-9)
    assert found <= 2 * right or right < 1e-6


@pytest.mark.parametrize(("seed", "name"), asked("ks"))
def test_the_ks_statistic_is_below_scipys_by_the_grid_s_rank_error_at_most(seed: str, name: str) -> None:
    from scipy.stats import ks_2samp

    type_, samples = drawn(int(seed))[name]
    current = compared(type_, *samples)  # type: ignore[arg-type]
    reference = current.reference
    right = float(ks_2samp(*samples).statistic)
    found = KS().measure(current).distance
    assert right - rank_error(reference.edges, reference.counts[1:-1], reference.whole) - 1e-9 <= found <= right + 1e-9
