"""Simulated runs of two versions, looked at after every batch, and by how much chance moves a ratio of such runs."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

RUNS, LOOKS, BATCH = 2000, 25, 100
SEED = 20261127
COUNTS = np.arange(1, LOOKS + 1) * BATCH

Floats = npt.NDArray[np.float64]
Bound = Callable[[float, float, float], float]


def generator() -> np.random.Generator:
    """The same numbers in every run of the tests."""
    return np.random.default_rng(SEED)


def noise(ratio: float, runs: int = RUNS) -> float:
    """Three standard errors of a ratio among so many runs."""
    return float(3 * np.sqrt(ratio * (1 - ratio) / runs))


def sums(values: npt.NDArray[np.generic]) -> Floats:
    """What values [runs, LOOKS * BATCH] sum up to at each look: [runs, LOOKS]."""
    batches: Floats = values.astype(np.float64).reshape(len(values), LOOKS, BATCH).sum(axis=2)
    return batches.cumsum(axis=1)


def hits(chance: float, runs: int = RUNS, draws: np.random.Generator | None = None) -> Floats:
    """Sums of errors, or whatever else happens with a chance: [runs, LOOKS]."""
    batches: Floats = (draws or generator()).binomial(BATCH, chance, (runs, LOOKS)).astype(np.float64)
    return batches.cumsum(axis=1)


def at_every_look(bound: Bound, totals: Floats, alpha: float) -> Floats:
    """A bound for each of totals [runs, LOOKS]; many runs have the same."""
    looks = []
    for count, column in zip(COUNTS, totals.T, strict=True):
        distinct, places = np.unique(column, return_inverse=True)
        looks.append(np.array([bound(float(count), float(total), alpha) for total in distinct])[places])
    return np.stack(looks, axis=1)


def brier_losses(runs: int, spread: float, other: float) -> tuple[Floats, Floats]:
    """Losses [runs, LOOKS * BATCH] of two models of one truth, whose probabilities are that far off it each."""
    draws, shape = generator(), (runs, LOOKS * BATCH)
    truth = draws.beta(1.0, 3.0, shape)
    label = draws.random(shape) < truth
    first, second = (np.clip(truth + draws.normal(0, by, shape), 0, 1) for by in (spread, other))
    return (first - label) ** 2, (second - label) ** 2
