"""The monitor as it is put together: references of model versions and saved states behind its two stages."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from agents.alerting import Alerting
from agents.outliers import Spotting
from agents.sketching import Sketching
from agents.watching import Watching, WatchOutlets
from infra.compacted import read_records
from infra.kafka import client_options
from infra.rate_limit import connect
from models.drift import Rules
from schemas.alerts import read_alert
from schemas.errors import Undecodable
from streams.alert_webhook import webhook
from streams.bundles import BundleStore
from streams.grading import grading_step
from streams.monitor_metrics import MonitorMetrics
from streams.references import BundleReferences
from streams.roles.shared import Built, Shared
from streams.settings import Settings
from streams.ticks import Ticks
from streams.topics import (
    ALERTS,
    DRIFT_EVENTS,
    DRIFT_WINDOWS,
    FEATURE_SKETCHES,
    MODEL_PERFORMANCE,
    MONITOR_STATE,
    OUTLIER_EVENTS,
    PREDICTION_RESULTS,
)
from streams.topology import Step

GATHERED_BYTES = 256 * 1024
"""Nobody waits for a sketch: read one by one, results would be sketched one by one."""
SLOT_MS = 10_000


async def build(shared: Shared) -> Built:
    """Raises BadSettings."""
    settings = shared.settings
    redis = connect(settings.redis_url)
    shared.things.push_async_callback(redis.aclose)
    sketches, saved = settings.topic(FEATURE_SKETCHES.name), settings.topic(MONITOR_STATE.name)
    outliers = settings.topic(OUTLIER_EVENTS.name)
    told_on = (DRIFT_EVENTS, DRIFT_WINDOWS, MONITOR_STATE, OUTLIER_EVENTS, MODEL_PERFORMANCE)
    bundles, counters = BundleStore(settings.model_store), MonitorMetrics()
    references = BundleReferences(bundles.manifest, bundles.detector)

    async def states() -> Mapping[bytes, bytes]:
        return await asyncio.to_thread(_read_states, settings, saved)

    sketching = Sketching(references, counters, sketches, SLOT_MS, Spotting(outliers, counters), shared.logs)
    watching = Watching(
        references,
        states,
        counters,
        Rules(window_rows=settings.drift_window_records, alpha=settings.drift_alpha),
        int(settings.drift_window_s * 1000),
        SLOT_MS,
        WatchOutlets(*(settings.topic(topic.name) for topic in told_on)),
        shared.logs[sketches],
    )

    async def told() -> set[str]:
        return await asyncio.to_thread(_read_alerts, settings)

    alerting = Alerting(told, counters, settings.alert_severity, settings.topic(ALERTS.name))
    ticks = Ticks(sketches, shared.partitions[sketches], shared.producer)
    ticks.begin(shared.things)
    reading = [Step(PREDICTION_RESULTS, sketching, sketching.give_up)]
    judging = [Step(FEATURE_SKETCHES, watching, watching.give_up), grading_step(settings, states, counters)]
    alarming = [Step(DRIFT_EVENTS, alerting, alerting.give_up)]
    return [
        *shared.pipelines("monitor", reading, redis, fetch_bytes=GATHERED_BYTES),
        # One batch after the other: a state is saved once all that it led to is delivered.
        *shared.pipelines("monitor", judging, redis, fetch_bytes=GATHERED_BYTES, in_flight=1),
        *shared.pipelines("monitor", alarming, redis, fetch_bytes=GATHERED_BYTES, in_flight=1),
    ], [ticks, *webhook(shared, redis, counters)]


def _read_alerts(settings: Settings) -> set[str]:
    found: set[str] = set()

    def note(_: bytes, value: bytes | None) -> None:
        with suppress(Undecodable):
            found.add(read_alert(value).alert_id)

    read_records(client_options(settings), settings.topic(ALERTS.name), note, _patience_s(settings))
    return found


def _read_states(settings: Settings, topic: str) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}

    def note(key: bytes, value: bytes | None) -> None:
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value

    read_records(client_options(settings), topic, note, _patience_s(settings))
    return found


def _patience_s(settings: Settings) -> float:
    """Below a batch's time: who waits longer for a broker would count as crashed by the record at hand, and drop it."""
    return settings.batch_timeout_s / 2
