"""`weir keys bootstrap`: the first admin key, made and shown once."""

import json
import os
import subprocess
import sys

import pytest

from schemas.errors import InvalidRequest
from tests.e2e.leaks import leaks
from tests.streams.cli.key_verbs import NEXT, Environ, created, events, run


@pytest.mark.contract("K2")
def test_the_first_admin_key_stands_once_in_the_output_and_never_in_the_log(environ: Environ) -> None:
    command = [sys.executable, "-m", "streams.cli", "keys", "bootstrap"]
    given = {**os.environ, "PYTHONPATH": os.getcwd(), "LOG_LEVEL": "DEBUG"}
    done = subprocess.run(command, env=given, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    api_key = done.stdout.split()[1]
    assert api_key.startswith(b"sk_live_")
    assert done.stdout.count(api_key) == 1
    assert leaks(done.stderr + done.stdout.replace(api_key, b""), [api_key.decode()]) == []
    assert [event.reason for event in events(environ)] == ["bootstrap"]


def test_the_first_admin_key_is_made_once(environ: Environ) -> None:
    created()
    first = json.loads(run("bootstrap", "--json"))
    assert (first["permissions"], first["name"]) == (["admin", "monitor", "predict"], "first admin")
    with pytest.raises(InvalidRequest, match=rf"{first['id']} \(first admin\) is an admin key in force.*POST /keys"):
        run("bootstrap")
    assert [event.reason for event in events(environ)] == [None, "bootstrap"]
    run("revoke", first["id"])
    assert run("bootstrap", "--name", "second").count("sk_live_") == 1


def test_an_admin_key_that_no_secret_opens_is_none(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    run("bootstrap")
    monkeypatch.setenv("WEIR_MASTER_SECRET", NEXT)
    assert run("bootstrap").startswith("key  sk_live_")
