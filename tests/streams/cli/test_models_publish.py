"""`weir models publish`, as somebody calls it who has a graph and no Weir training."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra import artifacts
from models.bundle import GRAPH, read_bundle
from models.features import encode
from schemas.errors import BundleRefused, InvalidRequest, WeirError
from streams.cli.models import models
from tests.models.test_onnx import graph

SIGNATURE = {
    "target": "late",
    "classes": ["in time", "late"],
    "features": [{"name": name, "type": "float", "minimum": 0} for name in ("a", "b", "c")],
}
Run = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'models'}"


@pytest.fixture
def run(tmp_path: Path, store: str) -> Run:
    """Runs a verb of `weir models`; `publish` is given the files that lie there."""
    onnx, signature = tmp_path / "graph.onnx", tmp_path / "signature.json"
    onnx.write_bytes(graph().SerializeToString())
    signature.write_text(json.dumps(SIGNATURE))
    given = ["--onnx", str(onnx), "--signature", str(signature), "--name", "late"]

    def run(verb: str, *arguments: str) -> Result:
        line = [verb, *(given if verb == "publish" else ()), *arguments]
        return CliRunner().invoke(models, line, env={"MODEL_STORE": store, "COLUMNS": "200"})

    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_published_graph_is_a_bundle_that_scores(run: Run, store: str) -> None:
    published = json.loads(done(run("publish", "--json")))
    bundle = read_bundle(artifacts.fetch(store, "late", published["version"]))
    scores = bundle.score(encode(bundle.signature, [{"a": 1, "b": 2.5, "c": 0}]).matrix)
    assert bundle.labels(scores) == ["in time"]
    assert (published["target"], published["classes"]) == ("late", ["in time", "late"])
    assert published["files"][GRAPH]["size"] == len(graph().SerializeToString())


def test_list_and_show_know_it(run: Run) -> None:
    published = json.loads(done(run("publish", "--json")))
    assert json.loads(done(run("show", "late", "--json"))) == published
    assert json.loads(done(run("list", "--json")))[0]["version"] == published["version"]
    assert published["version"] in done(run("list"))


def test_brackets_in_names_and_categories_are_shown(run: Run, tmp_path: Path) -> None:
    """A table's own markup is written in brackets."""
    odd = [{"name": "weight [kg]", "type": "float"}, {"name": "[/red]", "type": "float"}]
    odd.append({"name": "c", "type": "str", "categories": ["[bold]", "[/y]"]})
    (tmp_path / "signature.json").write_text(json.dumps(SIGNATURE | {"features": odd}))
    said = done(run("publish"))
    assert all(shown in said for shown in ("weight [kg]", "[/red]", "[bold], [/y]"))


def test_the_table_says_that_it_was_trained_elsewhere(run: Run) -> None:
    said = done(run("publish"))
    assert "trained elsewhere" in said
    assert "0 .. " in said


def test_a_store_is_named_by_option(run: Run, tmp_path: Path) -> None:
    elsewhere = f"file://{tmp_path / 'elsewhere'}"
    done(run("publish", "--store", elsewhere))
    assert artifacts.names(elsewhere) == ["late"]


def test_a_scikit_learn_model_is_published_from_its_skops_file(run: Run, store: str, tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import Ridge

    model = Ridge().fit([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [1.0, 2.0, 3.0])
    file, signature = tmp_path / "ridge.skops", tmp_path / "price.json"
    skops.io.dump(model, file)
    signature.write_text(json.dumps({"target": "price", "task": "regression", "features": SIGNATURE["features"]}))
    line = ["--skops", str(file), "--signature", str(signature), "--name", "price"]
    found = done(CliRunner().invoke(models, ["publish", *line, "--json"], env={"MODEL_STORE": store}))
    bundle = read_bundle(artifacts.fetch(store, "price", json.loads(found)["version"]))
    scores = bundle.score(encode(bundle.signature, [{"a": 1, "b": 2.5, "c": 0}]).matrix)
    assert scores.tolist() == pytest.approx(model.predict([[1.0, 2.5, 0.0]]).tolist())
    assert "regression" in done(run("show", "price"))


def test_a_model_has_one_file(run: Run, tmp_path: Path) -> None:
    for result in (
        run("publish", "--skops", str(tmp_path / "graph.onnx")),
        CliRunner().invoke(models, ["publish", "--signature", str(tmp_path / "signature.json"), "--name", "late"]),
    ):
        assert result.exit_code == 2
        assert "give either --onnx or --skops" in result.stderr


def too_wide(folder: Path) -> None:
    (folder / "graph.onnx").write_bytes(graph(width=4).SerializeToString())


def too_large(folder: Path) -> None:
    with (folder / "graph.onnx").open("wb") as file:
        file.truncate(artifacts.LARGEST_FILE + 1)


def no_json(folder: Path) -> None:
    (folder / "signature.json").write_text('{"target": "late",}')


def misspelt(folder: Path) -> None:
    (folder / "signature.json").write_text(json.dumps(SIGNATURE | {"treshold": 0.4}))


@pytest.mark.parametrize(
    ("spoil", "error", "reason"),
    [
        (too_wide, BundleRefused, "the signature has 3 features"),
        (too_large, BundleRefused, "graph.onnx has 268435457 bytes, at most 268435456 fit"),
        (no_json, InvalidRequest, "signature.json is no readable signature file: .*line 1 column"),
        (misspelt, InvalidRequest, "treshold: unknown field"),
    ],
)
def test_a_refused_file_leaves_the_store_as_it_was(
    run: Run, store: str, tmp_path: Path, spoil: Callable[[Path], None], error: type[WeirError], reason: str
) -> None:
    spoil(tmp_path)
    result = run("publish")
    assert isinstance(result.exception, error)
    assert result.exception.__class__ is error
    with pytest.raises(error, match=reason):
        raise result.exception
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("option", ["--onnx", "--signature"])
def test_a_file_that_is_not_there_is_a_wrong_option(run: Run, option: str) -> None:
    result = run("publish", option, "/nowhere")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
