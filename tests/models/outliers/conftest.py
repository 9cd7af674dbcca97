"""Detectors of every kind on simulated customers, fitted once."""

from functools import cache

import numpy as np
import pytest

from models.churn import CHURN
from models.features import encode
from models.outliers import DETECTORS, Detector, Order, fitted, load
from models.outliers.base import Matrix
from models.profile import reference_profile
from models.simulate import customer_rows

CONTAMINATION = 0.02


@cache
def customers(n: int, seed: int) -> Matrix:
    return encode(CHURN, customer_rows(n, seed)).matrix


@cache
def detector_of(name: str, contamination: float = CONTAMINATION, seed: int = 3) -> Detector:
    """Learned from 4000 customers, its threshold from 2000 others."""
    fitting = customers(4000, 1)
    profile = reference_profile(CHURN, fitting)
    said, graph = fitted(Order(name, contamination), CHURN, fitting, customers(2000, 2), profile, seed)
    return load(graph, said, CHURN, profile)


@pytest.fixture(params=list(DETECTORS))
def detector(request: pytest.FixtureRequest) -> Detector:
    return detector_of(request.param)


@pytest.fixture
def strange() -> Matrix:
    """Ordinary customers, each with every number drawn from anywhere between its extremes."""
    rows = customers(300, 5).copy()
    low, high = rows.min(axis=0), rows.max(axis=0)
    drawn = np.random.default_rng(0).uniform(low, high, rows.shape)
    numbers = CHURN.layout.number_columns
    rows[:, numbers] = drawn[:, numbers]
    return rows
