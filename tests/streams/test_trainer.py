"""The trainer's children: one at a time, each told of in log and metrics, none outlives it."""

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from signal import SIGTERM

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from agents.triggers import Cause
from infra.database.engine import create_db_engine
from infra.database.online import OnlineModels
from models.bundle import Bundle
from schemas.errors import Unavailable
from schemas.retraining import RetrainingJob, State, encode_job
from streams.learning import learning
from streams.settings import Settings
from streams.tasks import first_failure
from streams.trainer import Trainer, command_of
from streams.trainer_metrics import OnlineMetrics, TrainerMetrics

NOW = datetime(2026, 11, 27, tzinfo=UTC)
DRIFT = Cause("drift", "spent drifted")
WAITS = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("told", file=sys.stderr), sys.exit(1)))
pathlib.Path(sys.argv[1]).touch()
signal.pause()
"""


class FakeLooks:
    """Models with a cause each, or an error."""

    def __init__(self, **found: Cause | Unavailable | None) -> None:
        self.found = found
        self.tried: list[tuple[str, datetime | None]] = []

    async def champions(self) -> Mapping[str, str]:
        return dict.fromkeys(self.found, "v1")

    def find(self, model: str, version: str, tried_at: datetime | None, now: datetime) -> Cause | None:
        self.tried.append((model, tried_at))
        found = self.found[model]
        if isinstance(found, Unavailable):
            raise found
        return found


class Away(FakeLooks):
    async def champions(self) -> Mapping[str, str]:
        raise Unavailable("kafka", "no broker answers")


def job(state: State, *, passed: bool | None = None) -> str:
    over = RetrainingJob("j", "churn", state, "drift", "spent drifted", "trainer", NOW, NOW, NOW)
    return encode_job(replace(over, result={"passed": passed})).decode()


class Children:
    """A trainer whose children run a program, and what it counted."""

    def __init__(self, looks: FakeLooks, program: str, *arguments: str, longest_s: float = 30.0) -> None:
        self.registry = CollectorRegistry()
        self.stop = asyncio.Event()
        self.given: list[tuple[str, Cause]] = []
        self._command = [sys.executable, "-c", program, *arguments]
        self.trainer = Trainer(looks, self._given, TrainerMetrics(self.registry), self.stop, longest_s, 0.5)

    def _given(self, model: str, found: Cause) -> Sequence[str]:
        self.given.append((model, found))
        return self._command

    def counted(self, how: str, model: str = "churn") -> float | None:
        labels = {"model": model, "trigger": "drift", "ended": how}
        return self.registry.get_sample_value("retrainings_total", labels)

    def running(self, model: str = "churn") -> float | None:
        return self.registry.get_sample_value("retraining_running", {"model": model})


@pytest.mark.contract("F4")
@pytest.mark.parametrize(
    ("said", "how"),
    [
        (job("completed", passed=True), "passed"),
        (job("completed", passed=False), "not_passed"),
        (job("skipped"), "skipped"),
        (job("failed"), "failed"),
        ("out of memory", "crashed"),
        ("null", "crashed"),
        ('{"state": "completed"}', "crashed"),
        ("a library's word\n" + job("skipped"), "skipped"),
    ],
)
async def test_how_a_child_ended_is_counted_and_logged(said: str, how: str, caplog: pytest.LogCaptureFixture) -> None:
    looks = FakeLooks(churn=DRIFT)
    children = Children(looks, f"print({said!r})")
    with caplog.at_level(logging.INFO, "weir.trainer"):
        await children.trainer.look()
        await children.trainer.look()
    assert children.given == [("churn", DRIFT)] * 2
    assert (children.counted(how), children.running()) == (2, 0)
    assert [record.getMessage() for record in caplog.records] == ["retraining", f"retraining ended: {how}"] * 2
    [first, second] = looks.tried
    assert first == ("churn", None)
    assert second[1] is not None, "so that the cool-down holds where a child left no job"


async def test_a_child_that_takes_too_long_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    children = Children(FakeLooks(churn=DRIFT), "import signal; signal.pause()", longest_s=0.2)
    async with asyncio.timeout(30):
        await children.trainer.look()
    assert (children.counted("overdue"), children.running()) == (1, 0)
    assert caplog.records[-1].data["code"] == -SIGTERM  # type: ignore[attr-defined]


class Broken:
    """A champion that no learner expects."""

    def champion(self, model: str) -> Bundle:
        raise RuntimeError(f"a bug in {model}")

    def champion_version(self, model: str) -> str:
        return "v1"


async def test_a_bug_in_a_learner_ends_the_trainer() -> None:
    settings, looks = Settings(retrain_online="churn"), asyncio.ensure_future(asyncio.sleep(30))
    learners = OnlineModels(create_db_engine("postgresql://nobody@127.0.0.1:1/none"))
    async with asyncio.timeout(20), learning(settings, learners, Broken(), OnlineMetrics(CollectorRegistry())) as found:
        with pytest.raises(RuntimeError, match="a bug in churn"):
            await first_failure(looks, *found)
    assert looks.cancelled()


async def test_a_model_whose_look_fails_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    looks = FakeLooks(away=Unavailable("model store", "no answer"), quiet=None, churn=DRIFT)
    children = Children(looks, f"print({job('skipped')!r})")
    await children.trainer.look()
    assert [model for model, _ in children.given] == ["churn"]
    assert children.registry.get_sample_value("retraining_failed_looks_total") == 1
    assert "model store: no answer" in caplog.text


async def test_without_routes_to_read_nothing_is_started(caplog: pytest.LogCaptureFixture) -> None:
    children = Children(Away(churn=DRIFT), "")
    await children.trainer.look()
    assert children.given == []
    assert "kafka: no broker answers" in caplog.text


async def test_a_trainer_that_is_told_to_stop_tells_its_child_and_begins_no_other(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    up = tmp_path_factory.mktemp("child") / "up"
    children = Children(FakeLooks(churn=DRIFT, other=DRIFT), WAITS, str(up))
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(children.trainer.look())
        while not up.exists():
            await asyncio.sleep(0.02)
        assert children.running() == 1
        assert not looking.done()
        children.stop.set()
    assert children.given == [("churn", DRIFT)]
    assert (children.counted("stopped"), children.running()) == (1, 0)
    assert caplog.records[-1].data["said"] == "told"  # type: ignore[attr-defined]


def test_the_child_is_given_what_the_settings_say() -> None:
    settings = Settings(retrain_days_back=7, retrain_min_samples=50, retrain_least_f1=0.5, retrain_cool_down_s=60)
    command = command_of(settings, "churn", Cause("labels", "-x & more"))
    assert list(command[3:]) == [
        "retrain",
        "--json",
        "--model=churn",
        "--trigger=labels",
        "--reason=-x & more",
        "--days-back=7",
        "--min-samples=50",
        "--least-f1=0.5",
        "--cool-down=60.0",
    ]
