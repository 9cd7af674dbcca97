"""Trained bundles, shared: training is the slow part."""

import pickle
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import pandas as pd
import pytest

from models.bundle import Bundle, read_bundle
from models.churn import CHURN, LABEL
from models.pipelines import ALGORITHMS
from models.simulate import simulate_customers
from models.training import train
from tests.shared import made_once

TRAINED_AT = datetime(2026, 11, 24, 7, 51, 38, tzinfo=UTC)


@pytest.fixture(scope="session")
def customers() -> pd.DataFrame:
    return simulate_customers(6000, seed=11)


@pytest.fixture(scope="session")
def published() -> dict[str, Mapping[str, bytes]]:
    """algorithm -> the files of a churn bundle."""
    return trained()


@cache
def trained() -> dict[str, Mapping[str, bytes]]:
    """Trained once for all who take the fixture over: to pytest each of theirs is another one."""
    files: dict[str, Mapping[str, bytes]] = pickle.loads(made_once("bundles", lambda: pickle.dumps(_trained())))
    return files


def _trained() -> dict[str, Mapping[str, bytes]]:
    return {
        algorithm: train(
            simulate_customers(6000, seed=11),
            LABEL,
            signature=CHURN,
            name="churn",
            trained_at=TRAINED_AT,
            algorithm=algorithm,
            seed=3,
        )
        for algorithm in ALGORITHMS
    }


@pytest.fixture(scope="session", params=list(ALGORITHMS))
def bundle(request: pytest.FixtureRequest, published: dict[str, Mapping[str, bytes]]) -> Bundle:
    return read_bundle(published[request.param])


@pytest.fixture
def files(published: dict[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    """A good bundle's files, free to spoil."""
    return dict(published["logistic_regression"])
