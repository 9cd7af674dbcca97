import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
import pytest

from agents.telling import MAX_AGE_MS, MOST_TRIES, Telling
from schemas.alerts import alert_of, encode_alert
from schemas.errors import Unavailable
from schemas.message import Batch, Record
from tests.agents.alerts import NOON, FakeAlertCounters, event

NOW_MS = int(NOON.timestamp() * 1000) + 120_000


@dataclass
class FakeHook:
    """Answers with these, an error or a status, and 200 after them."""

    answers: list[int | Exception] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def post(self, body: bytes) -> int:
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        if answer == 200:
            self.taken.append(orjson.loads(body)["blocks"][-1]["elements"][0]["text"])
        return answer


@dataclass
class Told:
    hook: FakeHook
    counters: FakeAlertCounters
    waits: int


async def told(answers: Sequence[int | Exception], count: int = 1, now_ms: int = NOW_MS) -> Told:
    """What became of `count` alerts, each asked again until it is done with."""
    hook, counters, waits = FakeHook(list(answers)), FakeAlertCounters(), 0
    telling = Telling(hook.post, counters, lambda: now_ms)
    for offset in range(count):
        value = encode_alert(alert_of(event(offset)))
        while True:
            try:
                assert await telling(Batch("alerts", [Record("alerts", 0, offset, 0, None, value, ())])) == []
                break
            except Unavailable:
                waits += 1
    return Told(hook, counters, waits)


async def test_an_alert_is_posted_once() -> None:
    end = await told([], count=2)
    assert end.hook.taken == ["event `e0`", "event `e1`"]
    assert end.counters.out == {("webhook", "warning"): 2}
    assert end.waits == 0


@pytest.mark.parametrize("answer", [429, 502, 503, 504, Unavailable("webhook", "no answer")])
async def test_while_the_hook_is_away_the_alert_waits_however_long(answer: int | Exception) -> None:
    end = await told([answer] * 50, count=2)
    assert end.hook.taken == ["event `e0`", "event `e1`"]
    assert end.waits == 50
    assert not end.counters.lost


@pytest.mark.parametrize("status", [302, 400, 404, 410])
async def test_an_alert_that_is_refused_is_counted_and_holds_up_none(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "weir.alerts"):
        end = await told([status], count=2)
    assert end.hook.taken == ["event `e1`"]
    assert end.counters.lost == {("webhook", "refused"): 1}
    [entry] = caplog.records
    assert entry.__dict__["data"] == {"alert_id": "e0:opened:warning", "status": status}


async def test_an_alert_that_the_hook_fails_on_is_tried_a_few_times() -> None:
    end = await told([500] * MOST_TRIES, count=2)
    assert end.hook.taken == ["event `e1`"]
    assert end.waits == MOST_TRIES - 1
    assert end.counters.lost == {("webhook", "refused"): 1}


async def test_a_drift_of_long_ago_is_not_told() -> None:
    at_ms = int((NOON + timedelta(minutes=1)).timestamp() * 1000)
    assert (await told([], now_ms=at_ms + MAX_AGE_MS)).hook.taken
    end = await told([], now_ms=at_ms + MAX_AGE_MS + 1)
    assert end.hook.taken == []
    assert end.counters.lost == {("webhook", "late"): 1}


async def test_what_is_no_alert_is_counted() -> None:
    hook, counters = FakeHook(), FakeAlertCounters()
    telling = Telling(hook.post, counters, lambda: 0)
    assert await telling(Batch("alerts", [Record("alerts", 0, 0, 0, None, b"{", ())])) == []
    assert telling.give_up(Record("alerts", 0, 0, 0, None, b"{", ()), 3, "id") == []
    assert counters.lost == {("webhook", "unreadable"): 1, ("webhook", "crashed"): 1}
