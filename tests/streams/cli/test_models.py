import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sklearn.datasets import load_breast_cancer

from infra import artifacts
from schemas.errors import InvalidRequest
from streams.cli.models import models


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'models'}"


def run(store: str, *arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, env={"MODEL_STORE": store, "COLUMNS": "200"})


def done(store: str, *arguments: str) -> str:
    result = run(store, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_training_publishes_a_bundle_that_list_and_show_know(store: str) -> None:
    trained = json.loads(done(store, "train", "--rows", "400", "--json"))
    assert artifacts.latest(store, "churn") == trained["version"]
    (listed,) = json.loads(done(store, "list", "--json"))
    assert listed["version"] == trained["version"]
    shown = json.loads(done(store, "show", "churn", "--json"))
    assert shown == trained
    assert shown["metrics"]["rows"] == 80


def test_a_model_has_the_outlier_detector_that_was_ordered(store: str) -> None:
    order = ("train", "--rows", "400", "--detector", "half_space_trees", "--contamination", "0.05")
    assert "half_space_trees, 0.05 of rows" in done(store, *order)
    said = json.loads(done(store, "show", "churn", "--json"))["outliers"]
    assert (said["detector"], said["contamination"]) == ("half_space_trees", 0.05)
    (listed,) = json.loads(done(store, "list", "--json"))
    assert "outliers" not in listed
    refused = run(store, "train", "--rows", "400", "--contamination", "0.9")
    assert isinstance(refused.exception, InvalidRequest)
    assert "contamination 0.9 is no share of outliers: give a number above 0 and up to 0.5" in str(refused.exception)


def test_models_of_a_bucket_are_trained_listed_and_shown(s3_bucket: str) -> None:
    given = ("--store", f"s3://{s3_bucket}/models")
    trained = json.loads(done("", "train", "--rows", "400", "--json", *given))
    (listed,) = json.loads(done("", "list", "--json", *given))
    assert listed["version"] == trained["version"]
    assert json.loads(done("", "show", "churn", "--json", *given)) == trained
    assert f"No models in s3://{s3_bucket}/others" in done("", "list", "--store", f"s3://{s3_bucket}/others")


def test_a_bar_follows_the_steps_on_a_terminal_and_nothing_is_shown_elsewhere(store: str) -> None:
    given = {"MODEL_STORE": store, "COLUMNS": "200"}
    terminal = {"TTY_COMPATIBLE": "1", "TERM": "xterm"}
    quiet, shown = (
        CliRunner().invoke(models, ["train", "--rows", "400"], env=given | more).stderr for more in ({}, terminal)
    )
    assert quiet == ""
    assert shown.index("read") < shown.index("seal")
    assert "━" in shown


def test_without_a_store_the_models_are_those_of_the_local_stack(tmp_path: Path) -> None:
    trained = CliRunner().invoke(models, ["train", "--rows", "400"], env={"MODEL_STORE": "", "DATA_DIR": str(tmp_path)})
    assert trained.exit_code == 0, trained.output
    assert artifacts.names(f"file://{tmp_path}/models") == ["churn"]


def test_tables_name_model_metrics_and_features(store: str) -> None:
    trained = done(store, "train", "--rows", "400", "--algorithm", "random_forest")
    version = artifacts.latest(store, "churn")
    assert version in trained
    assert "roc_auc" in trained
    assert "failed_payment_count" in done(store, "show", "churn", version)
    assert version in done(store, "list")


def test_any_csv_file_becomes_a_model_named_after_it(store: str, tmp_path: Path) -> None:
    table = tmp_path / "tumour.csv"
    load_breast_cancer(as_frame=True).frame.to_csv(table, index=False)
    trained = json.loads(done(store, "train", "--csv", str(table), "--label", "target", "--json"))
    assert (trained["name"], trained["target"]) == ("tumour", "target")
    assert trained["metrics"]["roc_auc"] > 0.95


def test_an_empty_store_says_how_to_fill_it(store: str) -> None:
    assert "weir models train" in done(store, "list")


def test_an_altered_bundle_is_listed_as_refused(store: str, tmp_path: Path) -> None:
    done(store, "train", "--rows", "400")
    artifacts.publish(store, "churn", "broken", {"manifest.json": b"{}"})
    good, broken = json.loads(done(store, "list", "--json"))
    assert "refused" not in good
    assert "no bundle manifest" in broken["refused"]
    assert "refused" in done(store, "list")


@pytest.mark.parametrize("option", [("--label", "left"), ("--csv", __file__)])
def test_csv_and_label_go_together(store: str, option: tuple[str, str]) -> None:
    result = run(store, "train", *option)
    assert result.exit_code == 2
    assert "go together" in result.stderr


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is no readable CSV table"),
        ("a,b\n1,2\n", "no column 'left'"),
        ("a,left\n" + "1,x\n" * 60, "exactly two"),
        ("a,left\n" + "1,x\n,y\n" * 60, "empty in a"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_refused(store: str, tmp_path: Path, content: str, problem: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(content)
    result = run(store, "train", "--csv", str(table), "--label", "left")
    assert isinstance(result.exception, InvalidRequest)
    assert problem in str(result.exception)
    assert artifacts.names(store) == []
