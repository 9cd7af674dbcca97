"""What holds for every store, run over each; and what a folder alone can do wrong."""

import os
from pathlib import Path

import pytest

from infra import artifacts
from schemas.errors import BadSettings, BundleRefused, Unavailable

FILES = {"manifest.json": b"{}", "model.onnx": b"\x08\x09"}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'models'}"


@pytest.fixture(params=["file", "s3", "s3 without a prefix"])
def store(request: pytest.FixtureRequest) -> str:
    if request.param == "file":
        return str(request.getfixturevalue("folder"))
    bucket = request.getfixturevalue("s3_bucket")
    return f"s3://{bucket}" if "without" in request.param else f"s3://{bucket}/team/models"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


def test_what_was_published_is_fetched(store: str) -> None:
    artifacts.publish(store, "churn", "v1", FILES)
    assert artifacts.fetch(store, "churn", "v1") == FILES


def test_of_a_version_single_files_are_fetched(store: str) -> None:
    artifacts.publish(store, "churn", "v1", FILES)
    assert artifacts.fetch(store, "churn", "v1", only=("manifest.json",)) == {"manifest.json": b"{}"}


def test_a_relative_store_lies_under_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    artifacts.publish("file://.weir/models", "churn", "v1", FILES)
    assert (tmp_path / ".weir/models/churn/v1/model.onnx").read_bytes() == FILES["model.onnx"]


def test_an_empty_store_has_nothing(store: str) -> None:
    assert artifacts.names(store) == []
    assert artifacts.versions(store, "churn") == []


def test_names_and_versions_are_listed_oldest_first(store: str) -> None:
    for version in ("v10", "v9", "20261124-075138-1a2b3c4d", "20261124-075137-ffffffff"):
        artifacts.publish(store, "churn", version, FILES)
    artifacts.publish(store, "abuse", "v1", FILES)
    assert artifacts.names(store) == ["abuse", "churn"]
    expected = ["20261124-075137-ffffffff", "20261124-075138-1a2b3c4d", "v9", "v10"]
    assert artifacts.versions(store, "churn") == expected
    assert artifacts.latest(store, "churn") == "v10"


def test_publishing_the_same_again_changes_nothing(store: str) -> None:
    artifacts.publish(store, "churn", "v1", FILES)
    artifacts.publish(store, "churn", "v1", dict(reversed(FILES.items())))
    assert artifacts.versions(store, "churn") == ["v1"]


def test_a_version_never_changes(store: str) -> None:
    artifacts.publish(store, "churn", "v1", FILES)
    with pytest.raises(BundleRefused, match="exists with other content: publish under a new version"):
        artifacts.publish(store, "churn", "v1", FILES | {"model.onnx": b"other"})
    assert artifacts.fetch(store, "churn", "v1") == FILES


def test_a_publisher_that_lost_the_race_sees_the_winner(store: str) -> None:
    """Both found no version; the second meets what the first one made."""
    winner, loser = artifacts.open_store(store), artifacts.open_store(store)
    winner.publish("churn", "v1", FILES)
    with pytest.raises(OSError, match=r"not empty|the version exists"):
        loser.publish("churn", "v1", {"model.onnx": b"other"})
    assert artifacts.fetch(store, "churn", "v1") == FILES


def test_a_folder_that_lost_the_race_is_gone(folder: str, root: Path) -> None:
    artifacts.publish(folder, "churn", "v1", FILES)
    with pytest.raises(OSError, match="not empty"):
        artifacts.open_store(folder).publish("churn", "v1", FILES)
    assert [path.name for path in (root / "churn").iterdir()] == ["v1"]


def test_an_unfinished_version_is_invisible(folder: str, root: Path) -> None:
    artifacts.publish(folder, "churn", "v1", FILES)
    (root / "churn" / ".draft-x").mkdir()
    (root / "abuse" / ".draft-y").mkdir(parents=True)
    assert artifacts.versions(folder, "churn") == ["v1"]
    assert artifacts.names(folder) == ["churn"]


def test_a_failed_publish_leaves_nothing(folder: str, root: Path) -> None:
    with pytest.raises(TypeError):
        artifacts.publish(folder, "churn", "v1", {"a.txt": b"fine", "b.txt": "no bytes"})  # type: ignore[dict-item]
    assert list((root / "churn").iterdir()) == []


@pytest.mark.parametrize("word", ["..", ".", "", "a/b", "../up", "/etc", "a\\b", ".hidden", "a\n", "x" * 101, "ü"])
def test_no_name_leaves_the_store(store: str, word: str) -> None:
    for attempt in (
        lambda: artifacts.publish(store, word, "v1", FILES),
        lambda: artifacts.publish(store, "churn", word, FILES),
        lambda: artifacts.publish(store, "churn", "v1", {word: b""}),
        lambda: artifacts.fetch(store, word, "v1"),
        lambda: artifacts.fetch(store, "churn", word),
        lambda: artifacts.versions(store, word),
    ):
        with pytest.raises(BundleRefused, match="is no name: use letters"):
            attempt()


def test_a_link_in_a_version_is_not_followed(folder: str, root: Path, tmp_path: Path) -> None:
    artifacts.publish(folder, "churn", "v1", FILES)
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    os.symlink(secret, root / "churn" / "v1" / "extra.txt")
    with pytest.raises(BundleRefused, match=r"extra\.txt is no plain file"):
        artifacts.fetch(folder, "churn", "v1")


def test_files_have_a_largest_size(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts.publish(store, "churn", "v1", {"model.onnx": b"12345"})
    monkeypatch.setattr(artifacts, "LARGEST_FILE", 4)
    with pytest.raises(BundleRefused, match=r"model\.onnx has 5 bytes, at most 4 fit"):
        artifacts.publish(store, "churn", "v2", {"model.onnx": b"12345"})
    with pytest.raises(BundleRefused, match=r"model\.onnx has more than 4 bytes"):
        artifacts.fetch(store, "churn", "v1")


@pytest.mark.parametrize("files", [{}, {f"f{i}": b"" for i in range(17)}], ids=["none", "17"])
def test_a_bundle_has_1_to_16_files(store: str, files: dict[str, bytes]) -> None:
    with pytest.raises(BundleRefused, match="give 1 to 16"):
        artifacts.publish(store, "churn", "v1", files)


def test_too_many_files_are_not_read(folder: str, root: Path) -> None:
    artifacts.publish(folder, "churn", "v1", FILES)
    for i in range(20):
        (root / "churn" / "v1" / f"{i}").touch()
    with pytest.raises(BundleRefused, match="holds 22 files"):
        artifacts.fetch(folder, "churn", "v1")


def test_an_unknown_version_answers_with_the_known_ones(store: str) -> None:
    artifacts.publish(store, "churn", "v1", FILES)
    with pytest.raises(BundleRefused, match=r"no version v2 of churn in .*, it has: v1"):
        artifacts.fetch(store, "churn", "v2")


def test_an_unknown_model_answers_with_the_known_ones(store: str) -> None:
    artifacts.publish(store, "churn", "v1", FILES)
    with pytest.raises(BundleRefused, match=r"it has: none; models here: churn"):
        artifacts.fetch(store, "abuse", "v1")
    with pytest.raises(BundleRefused, match=r"no model abuse in .*, it has: churn"):
        artifacts.latest(store, "abuse")


@pytest.mark.parametrize("url", ["/plain/path", "file://", "", "http://host/x", "s3:bucket", "S3://bucket"])
def test_a_url_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="is no store: use file:///path, file://path or s3://bucket/prefix"):
        artifacts.names(url)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(BadSettings, match=r"^MODEL_STORE 'https://\*\*\*@host/x' is no store"):
        artifacts.names("https://user:pa@ss@host/x")


def test_a_store_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="cannot be written"):
        artifacts.publish(f"file://{tmp_path / 'models'}", "churn", "v1", FILES)
