"""Verbs without a broker end soon, with one line that says what to do."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

VERBS = {
    "topics check": ["topics", "check"],
    "topics create": ["topics", "create"],
    "keys list": ["keys", "list"],
    "keys create": ["keys", "create", "--name", "shop"],
    "drift tail": ["drift", "tail"],
    "produce": ["produce", "one.jsonl", "--key-id", "A" * 11],
    "produce --wait": ["produce", "one.jsonl", "--key-id", "A" * 11, "--wait"],
    "feedback load": ["feedback", "load", "one.jsonl", "--key-id", "A" * 11],
    "run scorer": ["run", "scorer"],
    "run sink": ["run", "sink"],
}


def started(arguments: list[str], broker: str, folder: Path) -> "subprocess.Popen[str]":
    (folder / "one.jsonl").write_text('{"total_orders": 1}\n')
    own = {"KAFKA_BOOTSTRAP_SERVERS": broker, "DATA_DIR": str(folder / ".weir"), "WEIR_API_KEY": "sk_live_" + "A" * 43}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    environ = {**os.environ, "PYTHONPATH": os.getcwd(), **own}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=environ)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and standard error of each verb where nobody listens; they run at once."""
    folder = tmp_path_factory.mktemp("away")
    running = {name: started(arguments, "127.0.0.1:1", folder) for name, arguments in VERBS.items()}
    return {name: (verb.wait(120), verb.communicate()[1]) for name, verb in running.items()}


@pytest.mark.parametrize("name", VERBS)
def test_without_a_broker_a_verb_names_the_address_and_what_to_do(name: str, ended: dict[str, tuple[int, str]]) -> None:
    code, told = ended[name]
    assert code == 1
    [line] = told.splitlines()
    assert "no broker answers at 127.0.0.1:1 (Connection refused): start one with `weir up`" in line
    assert "KAFKA_BOOTSTRAP_SERVERS" in line


@contextmanager
def hanging_up() -> Iterator[str]:
    """The address of one who takes each connection and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_what_the_client_libraries_say_is_not_printed_beside_the_error(tmp_path: Path) -> None:
    with hanging_up() as broker:
        verb = started(VERBS["produce --wait"], broker, tmp_path)
        told = verb.communicate(timeout=60)[1]
    assert verb.returncode == 1
    [line] = told.splitlines()
    assert line.startswith("weir: kafka: replies on prediction-replies cannot be read")


LOOK = "the change may have been made or not: look at `weir keys list` before you repeat it"
REPEAT = "some of the keys may be changed and some not: run it again"
CHANGES = {
    "create --name shop": LOOK,
    "rotate AAAAAAAAAAA": LOOK,
    "bootstrap": LOOK,
    "revoke AAAAAAAAAAA": LOOK,
    "tier AAAAAAAAAAA free": REPEAT,
    "reseal": REPEAT,
}


def test_who_changes_keys_and_is_not_answered_is_told_what_may_have_become_of_it(tmp_path: Path) -> None:
    with hanging_up() as broker:
        running = {change: started(["keys", *change.split()], broker, tmp_path) for change in [*CHANGES, "list"]}
        told = {change: verb.communicate(timeout=100)[1] for change, verb in running.items()}
    assert {verb.returncode for verb in running.values()} == {1}
    for change, advice in CHANGES.items():
        *_, line = told[change].splitlines()
        assert line.startswith("Error: kafka: topic ")
        assert line.endswith(advice)
    assert LOOK not in told["list"]
