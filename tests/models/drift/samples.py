"""Samples for tests of drift, drawn from seeds; NumPy is enough to draw them."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Samples = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]

REFERENCE_ROWS, WINDOW_ROWS = 5000, 1000


def drawn(seed: int) -> dict[str, tuple[str, Samples]]:
    """name -> type of the feature, reference [5000] and current [1000], as a float32 matrix holds them."""
    random = np.random.default_rng(seed)
    return {name: (type_, make(random)) for name, (type_, make) in _FAMILIES.items()}


def _pair(make: Callable[[int], npt.NDArray[np.float64]], shift: float = 0.0, scale: float = 1.0) -> Samples:
    reference, current = make(REFERENCE_ROWS), make(WINDOW_ROWS)
    return reference.astype(np.float32), (current * scale + shift).astype(np.float32)


_Make = Callable[[np.random.Generator], Samples]
_FAMILIES: Mapping[str, tuple[str, _Make]] = {
    "normal": ("float", lambda random: _pair(lambda n: random.normal(size=n))),
    "normal_shifted_a_little": ("float", lambda random: _pair(lambda n: random.normal(size=n), 0.2)),
    "normal_shifted": ("float", lambda random: _pair(lambda n: random.normal(size=n), 1.0)),
    "normal_widened": ("float", lambda random: _pair(lambda n: random.normal(size=n), scale=2.0)),
    "lognormal": ("float", lambda random: _pair(lambda n: random.lognormal(4, 1, n))),
    "lognormal_scaled": ("float", lambda random: _pair(lambda n: random.lognormal(4, 1, n), scale=1.5)),
    "rate": ("float", lambda random: _pair(lambda n: np.round(random.beta(2, 5, n), 4))),
    "rate_shifted": ("float", lambda random: _pair(lambda n: np.round(random.beta(2, 5, n), 4), 0.1)),
    "mostly_zero": ("float", lambda random: _pair(lambda n: random.exponential(50, n) * (random.random(n) < 0.3))),
    "mostly_zero_scaled": (
        "float",
        lambda random: _pair(lambda n: random.exponential(50, n) * (random.random(n) < 0.3), scale=1.4),
    ),
    "count": ("int", lambda random: _pair(lambda n: random.poisson(random.gamma(2, 20, n)).astype(float))),
    "count_shifted": ("int", lambda random: _pair(lambda n: random.poisson(random.gamma(2, 20, n)) + 0.0, 9)),
    "few": ("int", lambda random: _pair(lambda n: random.poisson(0.7, n).astype(float))),
    "few_shifted": ("int", lambda random: _pair(lambda n: random.poisson(0.7, n) + 0.0, 1)),
    "category": ("str", lambda random: _pair(lambda n: random.choice([1.0, 2, 3, 4], n, p=[0.1, 0.2, 0.3, 0.4]))),
    "category_shifted": ("str", lambda random: _moved(random)),
}


def _moved(random: np.random.Generator) -> Samples:
    reference = random.choice([1.0, 2, 3, 4], REFERENCE_ROWS, p=[0.1, 0.2, 0.3, 0.4])
    current = random.choice([1.0, 2, 3, 4], WINDOW_ROWS, p=[0.25, 0.25, 0.25, 0.25])
    return reference.astype(np.float32), current.astype(np.float32)
