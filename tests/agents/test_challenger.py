"""One challenger at a clock's hand: how long it is waited for, and how long it is left out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import numpy as np
import pytest
from msgspec import Raw

from agents.challenger import LEFT_OUT_S, LONGEST_LEFT_OUT_S, RETRY_S, TRIAL_ROWS, Challenger, Patience
from agents.trial import Outcome
from models.bundle import Bundle
from models.signature import FloatVector
from schemas.errors import Unavailable
from schemas.shadow import MirroredRow, ShadowError
from tests.kafka import until
from tests.models.graphs import bundle_of

pytestmark = pytest.mark.contract("T2")

ROW = [MirroredRow((0.4, 0.6), Raw(b'{"f0": 0, "f1": 1, "f2": 2}'))]
SOON, IN_TIME = 0.05, 30.0


@dataclass
class Waits:
    """A patience that grows where an answer is to come, as the machine may be busy."""

    trial_s: float = SOON
    load_s: float = SOON
    batch_s: float = 15.0


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow:
    """A scorer that heeds no stop: it answers once it is let go."""

    def __init__(self) -> None:
        self.goes = Event()
        self.sizes: list[int] = []
        self.waits = Waits()

    def score(self, matrix: Any) -> FloatVector:
        self.sizes.append(len(matrix))
        assert self.goes.wait(30)
        return np.full(len(matrix), 0.5)

    @contextmanager
    def free(self) -> Iterator[None]:
        self.goes.set()
        self.waits.trial_s = IN_TIME
        yield
        self.waits.trial_s = SOON
        self.goes.clear()


@pytest.fixture(scope="module")
def good() -> Bundle:
    return bundle_of("binary")


@pytest.fixture
def slow() -> Iterator[Slow]:
    scorer = Slow()
    yield scorer
    scorer.goes.set()


@pytest.fixture
def slow_one(good: Bundle, slow: Slow) -> tuple[Challenger, Time]:
    time, bundle = Time(), replace(good, scorer=slow)
    return Challenger("m slow", lambda: bundle, slow.waits, time), time


def codes(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.code if isinstance(outcome, ShadowError) else "ok" for outcome in outcomes]


async def code(challenger: Challenger) -> str:
    [found] = codes(await challenger.answers([ROW]))
    return found


async def let_go(slow: Slow, challenger: Challenger) -> None:
    """Let what still runs end."""
    with slow.free():
        await until(lambda: challenger._running is not None and challenger._running.done(), "the trial ended")


async def test_one_that_times_out_again_and_again_is_left_out_for_twice_as_long_each_time(
    slow: Slow, slow_one: tuple[Challenger, Time]
) -> None:
    challenger, time = slow_one
    left_out = LEFT_OUT_S
    for _ in range(8):
        assert await code(challenger) == "timeout"
        await let_go(slow, challenger)
        time.now += left_out - 0.1
        assert await code(challenger) == "skipped"
        time.now += 0.2
        left_out = min(2 * left_out, LONGEST_LEFT_OUT_S)
    time.now += 1000  # a calm while
    assert await code(challenger) == "timeout"
    await let_go(slow, challenger)
    time.now += LEFT_OUT_S + 0.1
    with slow.free():
        assert await code(challenger) == "ok"


async def test_one_that_heeds_no_stop_is_left_out_until_it_has_ended(
    slow: Slow, slow_one: tuple[Challenger, Time]
) -> None:
    challenger, time = slow_one
    assert await code(challenger) == "timeout"
    time.now += 10_000
    assert await code(challenger) == "skipped"
    await let_go(slow, challenger)
    with slow.free():
        assert await code(challenger) == "ok"


async def test_what_was_answered_before_the_time_was_over_stands(good: Bundle, slow: Slow) -> None:
    class FailsTogether(Slow):
        """Raises for several rows, and answers a first one alone."""

        def score(self, matrix: Any) -> FloatVector:
            if len(matrix) > 1:
                raise RuntimeError("never together")
            self.sizes.append(1)
            return np.array([0.5]) if len(self.sizes) == 1 else slow.score(matrix)

    bundle = replace(good, scorer=FailsTogether())
    challenger = Challenger("m slow", lambda: bundle, Waits(trial_s=0.3), Time())
    assert codes(await challenger.answers([ROW, ROW, ROW])) == ["ok", "timeout", "timeout"]


async def test_one_that_would_end_its_process_has_failed(good: Bundle) -> None:
    class Leaves:
        def score(self, matrix: Any) -> FloatVector:
            raise SystemExit

    bundle = replace(good, scorer=Leaves())
    challenger = Challenger("m v2", lambda: bundle, Waits(IN_TIME, IN_TIME))
    assert codes(await challenger.answers([ROW, ROW])) == ["failed"] * 2


async def test_many_requests_are_tried_in_parts_and_after_a_timeout_the_rest_is_skipped(
    slow: Slow, slow_one: tuple[Challenger, Time]
) -> None:
    challenger, _ = slow_one
    large = ROW * (TRIAL_ROWS - 1)
    with slow.free():
        assert set(codes(await challenger.answers([large, ROW, ROW, large * 2]))) == {"ok"}
    assert slow.sizes == [TRIAL_ROWS, 1, 2 * (TRIAL_ROWS - 1)]
    assert codes(await challenger.answers([large, ROW, ROW])) == ["timeout", "timeout", "skipped"]


async def test_one_batch_takes_no_longer_than_its_time(good: Bundle) -> None:
    class TimeFlies(Time):
        def __call__(self) -> float:
            self.now += 2
            return self.now

    challenger = Challenger("m v2", lambda: good, Patience(batch_s=20), TimeFlies())
    found = codes(await challenger.answers([ROW * TRIAL_ROWS] * 20))
    assert found == sorted(found)
    assert set(found) == {"ok", "skipped"}


async def test_a_bundle_that_loads_slowly_is_unavailable_until_it_is_there(good: Bundle) -> None:
    goes, time = Event(), Time()
    loads: list[bool] = []

    def load() -> Bundle:
        loads.append(goes.wait(30))
        return good

    waits = Waits()
    challenger = Challenger("m v2", load, waits, time)
    assert [await code(challenger), await code(challenger)] == ["unavailable"] * 2
    goes.set()
    waits.trial_s = IN_TIME
    time.now += LEFT_OUT_S
    await until(lambda: challenger._loading is not None and challenger._loading.done(), "there")
    assert [await code(challenger), await code(challenger)] == ["ok"] * 2
    assert loads == [True]


async def test_a_bundle_that_cannot_be_loaded_is_asked_for_again_later(good: Bundle) -> None:
    time = Time()
    answers: list[Callable[[], Bundle]] = [lambda: good, away]
    challenger = Challenger("m v2", lambda: answers.pop()(), Waits(IN_TIME, IN_TIME), time)
    assert [await code(challenger), await code(challenger)] == ["unavailable"] * 2
    time.now += RETRY_S
    assert await code(challenger) == "ok"


def away() -> Bundle:
    raise Unavailable("model store", "is away")
