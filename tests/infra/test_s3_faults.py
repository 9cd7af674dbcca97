"""A store that is away, and settings that lead to none: each names what to do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from infra import artifacts, s3_store
from infra.local.process import free_port
from infra.s3_store import S3Store
from schemas.errors import BadSettings, Unavailable
from tests import s3
from tests.infra.s3_clients import Refusing

FILES = {"manifest.json": b"{}", "model.onnx": b"\x08\x09"}


@pytest.mark.parametrize(
    ("code", "status", "error", "reason"),
    [
        ("SlowDown", 503, Unavailable, "^model store: s3://.* answers list_objects_v2 with SlowDown; try again later"),
        ("AccessDenied", 403, BadSettings, "with AccessDenied: check AWS_ENDPOINT_URL, the credentials"),
        ("PermanentRedirect", 301, BadSettings, "with PermanentRedirect: .*AWS_DEFAULT_REGION"),
    ],
)
def test_an_error_says_what_to_do_and_repeats_nothing(
    s3_bucket: str, code: str, status: int, error: type[Exception], reason: str
) -> None:
    real = s3_store.connect()
    S3Store(real, s3_bucket).publish("churn", "v1", FILES)
    with pytest.raises(error, match=reason) as raised:
        S3Store(Refusing(real, "list_objects_v2", code, status), s3_bucket).fetch("churn", "v1")
    assert "AKIASECRET" not in str(raised.value)


def test_a_bucket_that_is_not_there_is_named(s3_bucket: str) -> None:
    for attempt in (artifacts.names, lambda url: artifacts.publish(url, "churn", "v1", FILES)):
        with pytest.raises(BadSettings, match="MODEL_STORE: there is no bucket s3://no-such-bucket: create it"):
            attempt("s3://no-such-bucket")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/models",
        "UPPER",
        "ab",
        "key:secret@bucket",
        "bucket//x",
        "bucket/../x",
        "bucket/.versions",
        "bucket/" + "x/" * 300,
    ],
)
def test_a_url_without_a_bucket_or_with_a_wild_prefix_is_refused(path: str) -> None:
    with pytest.raises(BadSettings, match=r"^MODEL_STORE is no s3:// URL: use s3://bucket or") as refused:
        artifacts.names(f"s3://{path}")
    assert "secret" not in str(refused.value)


@pytest.fixture
def silent() -> Iterator[str]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name, value in s3.environment(f"http://127.0.0.1:{free_port()}").items():
        monkeypatch.setenv(name, value)
    with s3.new_client():
        yield monkeypatch


@pytest.mark.contract("K2")
def test_no_log_line_holds_credentials_at_whatever_level(s3_bucket: str) -> None:
    lines = (
        "from infra import artifacts; from streams.log_lines import configure_logging",
        f"configure_logging('scorer', 'DEBUG'); print(artifacts.names('s3://{s3_bucket}'))",
    )
    given = os.environ | {"AWS_SESSION_TOKEN": "token-of-a-session"}
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
    assert "token-of-a-session" not in done.stderr
    assert given["AWS_SECRET_ACCESS_KEY"] not in done.stderr


def test_without_a_server_the_store_is_unavailable_soon(environ: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"^model store: s3://bucket does not answer \(EndpointConnectionError\)"):
        artifacts.latest("s3://bucket/models", "churn")
    assert time.monotonic() - began < 10


def test_a_server_that_says_nothing_is_given_up(environ: pytest.MonkeyPatch, silent: str) -> None:
    environ.setitem(s3_store.PATIENCE, "read_timeout", 0.2)
    environ.setenv("AWS_ENDPOINT_URL", silent)
    with pytest.raises(Unavailable, match=r"does not answer \(ReadTimeoutError\)"):
        artifacts.publish("s3://bucket", "churn", "v1", FILES)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, "no credentials for s3://bucket: set AWS_ACCESS_KEY_ID"),
        ({"AWS_ENDPOINT_URL": "nowhere:9000"}, "AWS_ENDPOINT_URL is no URL"),
        (
            {"AWS_DEFAULT_REGION": "no region"},
            "s3://bucket cannot be used, InvalidRegionError: check the AWS_ variables",
        ),
        ({"AWS_PROFILE": "nobodys"}, "s3://bucket cannot be used, ProfileNotFound"),
    ],
)
def test_what_boto3_lacks_is_named(environ: pytest.MonkeyPatch, given: dict[str, str], reason: str) -> None:
    for name, value in given.items():
        environ.setenv(name, value) if value else environ.delenv(name)
    with pytest.raises(BadSettings, match=reason):
        artifacts.names("s3://bucket")
