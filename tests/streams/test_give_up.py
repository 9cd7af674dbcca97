"""A record that crashes whoever reads it, also where it is given up: it ends once, and the next ones go on."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson
import pytest

from models.bundle import Bundle, read_bundle
from models.simulate import customer_rows
from schemas.keys import Credential
from schemas.message import Record
from streams import topology
from streams.loops import Limits, Pipeline
from streams.roles.shared import give_up
from streams.settings import Settings
from tests.agents.scorer import TOPIC, FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.fakes import FakeAttempts, FakeObserver, FakeSender
from tests.models.conftest import published  # noqa: F401
from tests.models.routing.plans import champions


class Flawed:
    """A key ring with a bug that one key id meets."""

    def __init__(self) -> None:
        self._keys = FakeKeys()
        self.allows_plain = False

    def by_id(self, key_id: str) -> Credential | None:
        if key_id == "cursed":
            raise ZeroDivisionError
        return self._keys.by_id(key_id)

    def by_plain_key(self, api_key: str) -> Credential | None:
        return self._keys.by_plain_key(api_key)


@pytest.fixture(scope="module")
def bundle(published: dict[str, Mapping[str, bytes]]) -> Bundle:  # noqa: F811
    return read_bundle(published["logistic_regression"])


class Worker:
    """The scorer's pipeline on fakes, as the worker wires it; starts again after each crash."""

    def __init__(self, bundle: Bundle) -> None:
        [self.step] = topology.scorer(
            Settings(),
            keys=Flawed(),
            limiter=FakeLimiter(),
            router=champions({"churn": bundle}),
            clock=clock,
            counters=FakeCounters(),
            replies=4,
        )
        self.attempts, self.sender, self.acked = FakeAttempts(), FakeSender(), 0

    async def run(self, *records: Record, limits: Limits = Limits(max_attempts=3)) -> int:  # noqa: B008 - frozen
        """Process until acked; the number of crashes."""
        for crashes in range(limits.max_attempts):
            pipeline = Pipeline(
                TOPIC, self.step.stage, self.sender, self.attempts, partial(give_up, self.step), FakeObserver(), limits
            )
            try:
                await pipeline.process(batch(*records), lambda: None)
            except ZeroDivisionError:
                continue
            return crashes
        raise AssertionError("the worker crashed at every start")

    def sent(self, topic: str) -> list[Any]:
        return [orjson.loads(emission.value) for emission in self.sender.sent if emission.topic == topic]


@pytest.fixture
def worker(bundle: Bundle) -> Worker:
    return Worker(bundle)


def asking(offset: int, **how: Any) -> Record:
    features = customer_rows(1, seed=5)[0]
    return record({"features": features}, offset=offset, request_id=b"r-%d" % offset, **how)


@pytest.mark.contract("R6", "R9")
async def test_a_record_that_crashes_giving_up_too_ends_once_and_the_next_go_on(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    cursed = asking(1, key_id=b"cursed")
    assert await worker.run(asking(0), cursed, asking(2)) == 2
    ended = worker.sent("prediction-results")
    assert [(result["request_id"], result["status"]) for result in ended] == [
        ("r-0", "ok"),
        ("r-1", "error"),
        ("r-2", "ok"),
    ]
    [letter] = worker.sent("dead-letters")
    assert (letter["reason"], letter["attempt"], letter["size"]) == ("crashed", 3, len(cursed.value or b""))
    assert (letter["topic"], letter["partition"], letter["offset"]) == (TOPIC, 0, 1)
    [logged] = [entry.__dict__["data"]["error_id"] for entry in caplog.records if entry.message == "giving up"]
    assert ended[1]["error"]["error_id"] == logged
    assert letter["message"] == f"error {logged}"
