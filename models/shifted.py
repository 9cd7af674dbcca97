"""A drift put into simulated customers from a given row on, to see whether it is found."""

from dataclasses import dataclass
from math import erf, isfinite, sqrt

import numpy as np
import pandas as pd

from models.churn import CHURN
from models.signature import Feature
from models.simulate import simulate_customers
from schemas.errors import InvalidRequest

_SPREAD_ROWS = 5000
"""Customers whose standard deviation a shift is counted in, however few are asked for."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One feature drifts after row `at`, by `deviations` of its own. Raises InvalidRequest for what cannot be."""

    feature: str
    deviations: float
    at: int

    def __post_init__(self) -> None:
        if self.feature not in CHURN.names:
            raise InvalidRequest(f"no feature {self.feature!r}: known are {', '.join(CHURN.names)}")
        if not isfinite(self.deviations):
            raise InvalidRequest(f"a shift is a number of standard deviations, not {self.deviations}")
        if self.at < 0:
            raise InvalidRequest(f"a drift begins after row 0 or later, not after {self.at}")


def drifting_customers(n: int, seed: int, shift: Shift | None = None) -> pd.DataFrame:
    """`simulate_customers(n, seed)`, whose later rows have the shift; all other features are what they were.

    Numbers move by whole deviations within the signature's bounds, integers by the next larger integer. Of a text the
    rarest category takes over as many rows as such a shift moves of a normal distribution: 38 % for one deviation.
    """
    frame = simulate_customers(n, seed)
    if shift is None or shift.at >= n:
        return frame
    feature = next(one for one in CHURN.features if one.name == shift.feature)
    column = frame[shift.feature].copy()
    moved = _replaced if feature.type == "str" else _added
    column.iloc[shift.at :] = moved(column.iloc[shift.at :], feature, shift, seed)
    return frame.assign(**{shift.feature: column})


def _added(late: "pd.Series[float]", feature: Feature, shift: Shift, seed: int) -> "pd.Series[float]":
    by = shift.deviations * float(_usual(feature, seed).std())
    if feature.type == "int":
        by = int(np.copysign(np.ceil(abs(by)), by))
    return (late + by).clip(feature.minimum, feature.maximum)


def _replaced(late: "pd.Series[str]", feature: Feature, shift: Shift, seed: int) -> "pd.Series[str]":
    shares = _usual(feature, seed).value_counts().reindex(feature.categories, fill_value=0)
    taken = np.random.default_rng([seed, shift.at]).random(len(late)) < erf(abs(shift.deviations) / sqrt(8))
    return late.mask(taken, str(shares.idxmin()))


def _usual(feature: Feature, seed: int) -> "pd.Series[float]":
    return simulate_customers(_SPREAD_ROWS, seed)[feature.name]
