"""What only a bucket can do wrong; what holds for every store is in test_artifacts.py."""

import errno
from typing import Any

import pytest

from infra import artifacts, s3_store
from infra.s3_store import S3Store
from models.bundle import read_bundle
from schemas.errors import BadSettings, BundleRefused, Unavailable
from streams.bundles import BundleStore
from tests.infra.s3_clients import Forgetful, Refusing, Rival, Unconditional, Watched
from tests.models.conftest import trained

FILES = {"manifest.json": b"{}", "model.onnx": b"\x08\x09"}


@pytest.fixture
def store(s3_bucket: str) -> S3Store:
    return S3Store(s3_store.connect(), s3_bucket, "models/")


@pytest.fixture
def url(s3_bucket: str) -> str:
    return f"s3://{s3_bucket}/models"


def keys(store: S3Store) -> list[str]:
    return [entry["Key"] for entry in store.client.list_objects_v2(Bucket=store.bucket).get("Contents", [])]


def put(store: S3Store, key: str, content: bytes = b"") -> None:
    store.client.put_object(Bucket=store.bucket, Key=key, Body=content)


def test_a_half_written_version_is_invisible_and_does_not_stand_in_the_way(store: S3Store, url: str) -> None:
    put(store, f"models/churn/v1/{'a' * 32}/model.onnx", b"half")
    assert artifacts.names(url) == []
    assert artifacts.versions(url, "churn") == []
    artifacts.publish(url, "churn", "v1", FILES)
    assert artifacts.fetch(url, "churn", "v1") == FILES


def test_without_its_marker_a_version_is_invisible_however_much_of_it_is_there(store: S3Store, url: str) -> None:
    dying = Refusing(store.client, "put_object", "InternalError", 500, key=".versions/")
    with pytest.raises(Unavailable, match="answers put_object with InternalError"):
        S3Store(dying, store.bucket, store.prefix).publish("churn", "v1", FILES)
    assert [key.rpartition("/")[2] for key in keys(store)] == sorted(FILES)
    assert artifacts.versions(url, "churn") == []


def test_a_failed_upload_leaves_nothing(store: S3Store) -> None:
    failing = Refusing(store.client, "put_object", "QuotaExceeded", 403, key="model.onnx")
    with pytest.raises(BadSettings, match="answers put_object with QuotaExceeded"):
        S3Store(failing, store.bucket, store.prefix).publish("churn", "v1", FILES)
    assert keys(store) == []


def test_of_two_publishers_of_one_version_exactly_one_wins(store: S3Store) -> None:
    with pytest.raises(FileExistsError) as lost:
        store.publish("churn", "v1", Rival(store, {"model.onnx": b"other"}, FILES))
    assert lost.value.errno == errno.EEXIST
    assert store.fetch("churn", "v1") == FILES
    assert len(keys(store)) == len(FILES) + 1


def test_a_marker_sent_twice_is_ones_own(store: S3Store) -> None:
    S3Store(Forgetful(store.client), store.bucket, store.prefix).publish("churn", "v1", FILES)
    assert store.fetch("churn", "v1") == FILES


@pytest.mark.parametrize("client", [Unconditional, lambda real: Refusing(real, "put_object", "NotImplemented", 501)])
def test_a_service_that_would_overwrite_is_refused(store: S3Store, client: Any) -> None:
    with pytest.raises(BadSettings, match="does not know conditional writes"):
        S3Store(client(store.client), store.bucket).publish("churn", "v1", FILES)
    assert keys(store) == []


def test_more_versions_than_a_page_are_all_listed(store: S3Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_store, "PAGE", 3)
    expected = [f"v{number}" for number in range(1, 11)]
    for version in expected:
        put(store, f"models/.versions/churn/{version}")
        put(store, f"models/.versions/model-{version}/v1")
    assert artifacts.versions(url, "churn") == expected
    assert artifacts.names(url) == sorted(["churn", *(f"model-{version}" for version in expected)])


def test_what_is_no_name_is_not_listed(store: S3Store, url: str) -> None:
    for key in ("churn/.hidden", "churn/a/b", "churn/", ".x/v1"):
        put(store, f"models/.versions/{key}")
    assert artifacts.versions(url, "churn") == []
    assert artifacts.names(url) == ["churn"]


def test_a_model_whose_name_begins_like_anothers_keeps_its_versions(url: str) -> None:
    artifacts.publish(url, "churn", "v1", FILES)
    artifacts.publish(url, "churn2", "v2", FILES)
    assert artifacts.versions(url, "churn") == ["v1"]


def test_an_oversized_object_is_refused_before_any_is_downloaded(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish("churn", "v1", {"a.json": b"{}", "model.onnx": b"12345"})
    monkeypatch.setattr(artifacts, "LARGEST_FILE", 4)
    client = Watched(store.client)
    with pytest.raises(BundleRefused, match=r"model\.onnx has more than 4 bytes: remove the version"):
        S3Store(client, store.bucket, store.prefix).fetch("churn", "v1")
    assert client.asked == ["get_object", "list_objects_v2"], "the marker, then the sizes"


def test_what_is_not_wanted_is_not_downloaded(store: S3Store) -> None:
    store.publish("churn", "v1", FILES)
    client = Watched(store.client)
    S3Store(client, store.bucket, store.prefix).fetch("churn", "v1", only=("manifest.json",))
    assert client.asked == ["get_object", "list_objects_v2", "get_object"], "the marker, the sizes, the manifest"


@pytest.mark.parametrize(
    ("more", "reason"),
    [([f"{i}" for i in range(20)], "holds 22 files"), (["a/b"], "'a/b' in churn v1 is no plain file")],
)
def test_what_others_put_into_a_version_is_not_read(store: S3Store, more: list[str], reason: str) -> None:
    store.publish("churn", "v1", FILES)
    folder = next(key for key in keys(store) if key.endswith("model.onnx")).removesuffix("model.onnx")
    for file in more:
        put(store, folder + file)
    with pytest.raises(BundleRefused, match=reason):
        store.fetch("churn", "v1")


@pytest.mark.parametrize("content", [b"", b"../../other", b"a" * 33, b"\xff" * 32])
def test_an_altered_marker_leads_nowhere(store: S3Store, content: bytes) -> None:
    put(store, "models/.versions/churn/v1", content)
    with pytest.raises(BundleRefused, match="the marker of churn v1 was altered"):
        store.fetch("churn", "v1")


def test_a_version_removed_meanwhile_is_refused(store: S3Store) -> None:
    with pytest.raises(BundleRefused, match="was removed while it was read"):
        store.fetch("churn", "v1")


def test_a_scorer_serves_what_lies_in_a_bucket(url: str) -> None:
    files = trained()["logistic_regression"]
    version = read_bundle(files).version
    artifacts.publish(url, "churn", version, files)
    store = BundleStore(url)
    assert store.load("churn", store.latest("churn")).version == version
