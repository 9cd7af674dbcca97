"""What a worker stands on ends it when it dies, and so does a stage that hangs: only what ends is started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from infra.local.stack import RunningStack
from streams.cli import weir
from streams.settings import Settings
from tests.kafka import Offsets, fill

DEATHS = {
    "the view of the keys": """
from streams.compacted import CompactedView
async def die(view):
    raise RuntimeError("the view died")
CompactedView._follow = die
""",
    "the producer": """
from streams.producer import Producer
Producer.broken = property(lambda producer: "the producer died")
""",
}
HANG = """
import sys
import asyncio
from streams import worker
built = worker._build
async def hang(batch):
    print("the stage hangs", file=sys.stderr, flush=True)
    await asyncio.Event().wait()
async def build(role, shared):
    pipelines, views = await built(role, shared)
    for pipeline in pipelines:
        pipeline.stage = hang
    return pipelines, views
worker._build, worker.DRAIN_S = build, 1.0
"""
RUN = """
import sys
from streams.cli import main
sys.argv = ["weir", "run", sys.argv[1]]
main()
"""
CASES = [(role, what) for role in ("scorer", "sink") for what in DEATHS]


def start(program: str, role: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program + RUN, role]
    return subprocess.Popen(command, env=environ, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def environ(
    stack: RunningStack, new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Of a platform with topics and a model."""
    folder = tmp_path_factory.mktemp("workers")
    own = {"DATABASE_URL": new_database(), "MODEL_STORE": f"file://{folder}/models", "DATA_DIR": str(folder)}
    environ = {**os.environ, **stack.environment, **own, "TOPIC_PREFIX": f"{folder.name}-worker-"}
    for verb in (["topics", "create"], ["models", "train", "--rows", "400"]):
        assert CliRunner(env=environ).invoke(weir, verb).exit_code == 0
    return environ


@pytest.fixture(scope="module")
def running(environ: dict[str, str]) -> Iterator[dict[Any, "subprocess.Popen[str]"]]:
    """A worker for each case, all at once."""
    workers = {(role, what): start(DEATHS[what], role, environ) for role, what in CASES}
    yield workers
    for worker in workers.values():
        worker.kill()
        worker.communicate()


@pytest.mark.parametrize(("role", "what"), CASES)
def test_it_ends_with_1_and_says_what_died(role: str, what: str, running: dict[Any, "subprocess.Popen[str]"]) -> None:
    _, told = running[role, what].communicate(timeout=60)
    assert running[role, what].returncode == 1
    assert f'"message": "ready: {role} on' in told
    assert f"{what.split()[1]} died" in told


@pytest.fixture
def hanging(environ: dict[str, str], host: str) -> Iterator["subprocess.Popen[str]"]:
    worker = start(HANG, "scorer", environ | {"WEIR_HOST": host, "SESSION_TIMEOUT_S": "6"})
    yield worker
    worker.kill()
    worker.communicate()


@pytest.mark.contract("R10")
@pytest.mark.parametrize("host", ["faust", "bare"])
def test_a_stage_that_hangs_is_ended_hard_and_unacked_once_draining_takes_too_long(
    hanging: "subprocess.Popen[str]", environ: dict[str, str]
) -> None:
    settings = Settings.read(environ)
    topic = settings.topic("prediction-requests")
    fill(settings.kafka_bootstrap_servers, topic, 10)
    assert hanging.stderr is not None
    assert "the stage hangs\n" in iter(hanging.stderr.readline, "")
    hanging.send_signal(signal.SIGTERM)
    hanging.communicate(timeout=10)
    assert hanging.returncode == 1
    with closing(Offsets(settings.kafka_bootstrap_servers, settings.topic("scorer"))) as offsets:
        assert set(offsets.of(topic).values()) == {0}
