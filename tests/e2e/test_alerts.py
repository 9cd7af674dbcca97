"""Alerts of a monitor: on Kafka though the webhook is away and the monitor killed, posted once it is back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.kafka import publish
from infra.local.stack import RunningStack
from schemas.alerts import read_alert
from schemas.drift_events import DriftEvent, encode_drift
from tests.agents.alerts import event
from tests.e2e.platform import Platform, wait_for
from tests.e2e.running import platform_on
from tests.hook import Hook, listening
from tests.stack import fresh_database

pytestmark = pytest.mark.real_broker


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as hook:
        yield hook


@pytest.fixture
def platform(stack: RunningStack, models: Path, tmp_path: Path, hook: Hook) -> Iterator[Platform]:
    with (
        fresh_database(stack.environment["DATABASE_URL"]) as database,
        platform_on(stack.environment, database, models, tmp_path) as platform,
    ):
        platform.environment |= {"DRIFT_WEBHOOK_URL": hook.url, "ALERT_SEVERITY": "warning"}
        yield platform


def tell(platform: Platform, *events: DriftEvent) -> None:
    now = datetime.now(UTC)
    lines = [encode_drift(DriftEvent(**{**_fields(one), "timestamp": now, "first_seen": now})) for one in events]
    publish({"bootstrap.servers": platform.bootstrap}, platform.topic("drift-events"), [(b"m", v, ()) for v in lines])


def _fields(one: DriftEvent) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def alerts(platform: Platform) -> list[str]:
    return [read_alert(line.value).event_id for line in platform.tap("alerts").to_end()]


def posted(hook: Hook) -> list[str]:
    return [body["blocks"][-1]["elements"][0]["text"] for body in hook.posted]


@pytest.mark.contract("D3")
def test_a_webhook_that_is_away_and_a_monitor_that_is_killed_lose_no_alert_and_repeat_none_on_kafka(
    platform: Platform, hook: Hook
) -> None:
    hook.statuses = [503] * 10_000
    [monitor] = platform.up("monitor")
    tell(platform, event(1), event(2, severity="info"))
    wait_for(lambda: alerts(platform) == ["e1"], "the first alert on Kafka")
    wait_for(lambda: hook.tries >= 2, "the webhook was tried again")
    tell(platform, event(1), event(3))
    wait_for(lambda: alerts(platform) == ["e1", "e3"], "the second alert on Kafka, though the webhook is away")
    monitor.kill()
    tell(platform, event(3), event(4, severity="critical"))
    [again] = platform.up("monitor")
    wait_for(lambda: alerts(platform) == ["e1", "e3", "e4"], "the third alert on Kafka, after a restart")
    assert posted(hook) == []
    hook.statuses = []
    wait_for(lambda: len(posted(hook)) >= 3, "the webhook takes them")
    assert posted(hook) == ["event `e1`", "event `e3`", "event `e4`"]
    hook.statuses, tries = [503] * 10_000, hook.tries
    tell(platform, event(5))
    wait_for(lambda: hook.tries > tries + 1, "the webhook is away again")
    again.stop()  # and it ends well
    for worker in platform.workers:
        assert b"SECRET" not in worker.log.read_bytes()
