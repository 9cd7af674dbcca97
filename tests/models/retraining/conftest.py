"""A champion of old times, and rows in which another rule holds."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from models.bundle import Bundle, read_bundle
from models.churn import LABEL
from models.retraining import LabelledRows
from models.simulate import simulate_customers
from tests.models.conftest import trained

FIRST_MS, STEP_MS = 1_790_000_000_000, 60_000


def labelled(frame: pd.DataFrame, truth: "np.ndarray | None" = None) -> LabelledRows:
    """A row a minute. truth: the frame's own without one."""
    own = frame[LABEL].to_numpy() if truth is None else truth
    times = FIRST_MS + STEP_MS * np.arange(len(frame))
    features = frame.drop(columns=LABEL)
    return LabelledRows(features, own.astype(np.intp), times.astype(np.int64), {"model": "churn", "days_back": 90})


def drifted(rows: int, seed: int) -> LabelledRows:
    """Those who leave are those who order much, which the champion has learned otherwise."""
    frame = simulate_customers(rows, seed)
    random = np.random.default_rng(seed)
    rank = frame["order_frequency"].rank(pct=True).to_numpy()
    truth = random.random(rows) < np.where(rank > 0.6, 0.95, 0.05)
    return labelled(frame, truth)


@pytest.fixture(scope="session")
def champion() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


@pytest.fixture(scope="session")
def rows() -> Callable[[int, int], LabelledRows]:
    return drifted
