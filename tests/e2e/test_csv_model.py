"""A table of a user's own, scikit-learn's breast cancer, from a CSV file to predictions over HTTP and in Postgres."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from infra.local.stack import RunningStack
from tests.e2e.platform import ROLES, Platform
from tests.e2e.running import platform_on
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker
LABEL = "benign"


@pytest.fixture(scope="module")
def tumours() -> pd.DataFrame:
    return load_breast_cancer(as_frame=True).frame.rename(columns={"target": LABEL})


@pytest.fixture(scope="module")
def own(
    stack: RunningStack, tumours: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Platform, Mapping[str, Any]]]:
    """A platform that serves the table's model, and the model as `weir models train` prints it."""
    folder = tmp_path_factory.mktemp("csv-model")
    table = folder / "tumours.csv"
    tumours.to_csv(table, index=False)
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, folder / "models", folder) as platform,
    ):
        platform.environment["MODEL_NAME"] = table.stem
        trained = platform.cli("models", "train", "--csv", str(table), "--label", LABEL, "--json")
        assert trained.returncode == 0, trained.stderr
        platform.up(*ROLES)
        yield platform, json.loads(trained.stdout)


@pytest.mark.contract("R5", "F4")
@pytest.mark.parametrize("truth", [0, 1])
def test_a_row_of_ones_own_table_is_scored_stored_and_read_back(
    own: tuple[Platform, Mapping[str, Any]], tumours: pd.DataFrame, truth: int
) -> None:
    platform, trained = own
    features = tumours[tumours[LABEL] == truth].drop(columns=LABEL).iloc[0].to_dict()
    headers = {"X-API-Key": platform.create_key().api_key}
    answered = platform.http.post("/predict", json={"entity": "patient-1", "features": features}, headers=headers)
    assert answered.status_code == 200, answered.text
    answer = answered.json()
    assert (answer["status"], answer["model"], answer["model_version"]) == ("ok", "tumours", trained["version"])
    probability = answer[f"{LABEL}_probability"]
    assert (probability > 0.5) == bool(truth)
    assert answer["label"] == truth

    columns = "entity, model, model_version, predicted_probability, predicted_label, features"
    rows = platform.rows_of(answer["request_id"], columns)
    assert rows == [("patient-1", "tumours", trained["version"], probability, truth, features)]
    stored = platform.http.get(f"/predictions/{answer['request_id']}", headers=headers)
    assert (stored.status_code, stored.json()) == (200, answer)
