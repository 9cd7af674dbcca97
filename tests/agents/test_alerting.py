import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agents import alerting
from agents.alerting import Alerting
from schemas.alerts import Alert, read_alert
from schemas.drift_events import Severity
from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record
from streams.log_lines import JsonLines
from tests.agents.alerts import FakeAlertCounters, event, record


@dataclass
class Topic:
    """What lies on `alerts`; raises what it is given first."""

    alerts: list[Alert] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def told(self) -> set[str]:
        if self.errors:
            raise self.errors.pop()
        return {alert.alert_id for alert in self.alerts}

    def deliver(self, emissions: Sequence[Emission]) -> list[Alert]:
        assert {emission.topic for emission in emissions} <= {"alerts"}
        new = [read_alert(emission.value) for emission in emissions]
        self.alerts += new
        return new


def stage(topic: Topic, least: Severity = "warning", counters: FakeAlertCounters | None = None) -> Alerting:
    return Alerting(topic.told, counters or FakeAlertCounters(), least, "alerts")


def batch(*records: Record) -> Batch:
    return Batch("drift-events", records)


async def test_each_step_of_an_episode_is_an_alert() -> None:
    topic = Topic()
    steps = event(), event(minutes=2, phase="worsened", severity="critical"), event(minutes=3, phase="resolved")
    told = topic.deliver(await stage(topic)(batch(*(record(i, step) for i, step in enumerate(steps)))))
    assert [(alert.event_id, alert.phase, alert.severity) for alert in told] == [
        ("e1", "opened", "warning"),
        ("e1", "worsened", "critical"),
        ("e1", "resolved", "warning"),
    ]
    assert len({alert.alert_id for alert in told}) == 3


async def test_a_step_that_comes_again_is_told_once() -> None:
    topic, counters = Topic(), FakeAlertCounters()
    alarming = stage(topic, counters=counters)
    topic.deliver(await alarming(batch(record(0, event()), record(1, event()))))
    topic.deliver(await alarming(batch(record(2, event(minutes=9)))))
    assert len(topic.alerts) == 1
    assert counters.out == {("kafka", "warning"): 1}


async def test_getting_worse_is_told_again_where_the_severity_rose_and_only_then() -> None:
    topic = Topic()
    severities = ("warning", "warning", "critical", "critical")
    steps = [event(minutes=i, phase="worsened", severity=severity) for i, severity in enumerate(severities)]
    topic.deliver(await stage(topic)(batch(*(record(i, step) for i, step in enumerate(steps)))))
    assert [alert.severity for alert in topic.alerts] == ["warning", "critical"]


@pytest.mark.parametrize(("least", "told"), [("info", 3), ("warning", 2), ("critical", 1)])
async def test_what_is_not_bad_enough_is_no_alert(least: Severity, told: int) -> None:
    topic = Topic()
    steps = [event(i, severity=severity) for i, severity in enumerate(("info", "warning", "critical"))]
    assert len(await stage(topic, least)(batch(*(record(i, step) for i, step in enumerate(steps))))) == told


async def test_after_a_crash_what_is_on_the_topic_is_not_told_again_and_the_rest_is() -> None:
    topic = Topic()
    first, second = record(0, event(1)), record(1, event(2))
    emissions = await stage(topic)(batch(first, second))
    topic.deliver(emissions[:1])  # the crash came before the second was delivered
    assert [alert.event_id for alert in topic.deliver(await stage(topic)(batch(first, second)))] == ["e2"]


async def test_a_batch_that_was_handed_back_undelivered_is_told_when_it_comes_again() -> None:
    topic = Topic()
    alarming = stage(topic)
    await alarming(batch(record(0, event(1))))  # its emissions were dropped: a rebalance
    assert len(await alarming(batch(record(0, event(1))))) == 1


async def test_a_partition_that_another_monitor_had_meanwhile_does_not_tell_twice() -> None:
    topic = Topic()
    ours, theirs = stage(topic), stage(topic)
    topic.deliver(await ours(batch(record(0, event(1)))))
    topic.deliver(await theirs(batch(record(1, event(2)))))
    topic.deliver(await ours(batch(record(2, event(2)), record(3, event(3)))))
    assert [alert.event_id for alert in topic.alerts] == ["e1", "e2", "e3"]


async def test_nothing_is_kept_where_the_topic_cannot_be_read() -> None:
    topic = Topic(errors=[Unavailable("kafka", "away")])
    alarming = stage(topic)
    with pytest.raises(Unavailable):
        await alarming(batch(record(0, event())))
    assert len(await alarming(batch(record(0, event())))) == 1


async def test_what_is_no_event_is_counted_and_the_rest_told() -> None:
    topic, counters = Topic(), FakeAlertCounters()
    emissions = await stage(topic, counters=counters)(batch(record(0, b"{"), record(1, event())))
    assert len(emissions) == 1
    assert counters.lost == {("kafka", "unreadable"): 1}
    assert stage(topic, counters=counters).give_up(record(0, b"{"), 3, "id") == []
    assert counters.lost["kafka", "crashed"] == 1


async def test_an_alert_is_one_json_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "weir.alerts"):
        await stage(Topic())(batch(record(0, event(cause="single_producer", source="aaaaaaaaaaa"))))
    [entry] = caplog.records
    line = json.loads(JsonLines("monitor").format(entry))
    assert (line["logger"], line["level"], line["event_id"]) == ("weir.alerts", "WARNING", "e1")
    assert (line["severity"], line["phase"], line["source"]) == ("warning", "opened", "aaaaaaaaaaa")
    assert "40% of the rows moved" in line["message"]


async def test_memory_of_alerts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "MOST_REMEMBERED", 3)
    topic = Topic()
    alarming = stage(topic)
    for i in range(6):
        topic.deliver(await alarming(batch(record(i, event(i)))))
    assert len(alarming._known) == 3
    assert await alarming(batch(record(6, event(5)))) == []
