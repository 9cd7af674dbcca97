"""The monitor's alerts: steps of drifts that are bad enough, each told once."""

import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol, get_args

from agents.drift_messages import HEADERS
from schemas.alerts import Alert, alert_of, encode_alert
from schemas.drift_events import Severity, read_drift
from schemas.errors import Undecodable
from schemas.message import Batch, Emission, Record

log = logging.getLogger("weir.alerts")

SEVERITIES: Sequence[Severity] = get_args(Severity)
MOST_REMEMBERED = 100_000

Told = Callable[[], Awaitable[Set[str]]]
"""The ids of the alerts that lie on `alerts`, whoever told them, as of now. Raises Unavailable."""


class AlertCounters(Protocol):
    """Where alerts are counted; a metric each."""

    def alerted(self, handler: str, severity: str) -> None:
        """An alert went out. handler: `kafka`, `webhook`."""
        ...

    def unalerted(self, handler: str, reason: str) -> None:
        """One did not, or a record is none. reason: `unreadable`, `crashed`, `refused`, `late`."""
        ...


@dataclass(slots=True)
class Alerting:
    """The stage: of each drift event as bad as `least` a log line and a record on `alerts`, once.

    What is on `alerts` is told: where a partition is taken over, or read again after a crash, the rest is. Its batches
    are delivered one after the other.
    """

    told: Told
    counters: AlertCounters
    least: Severity
    alerts: str
    _next: dict[int, int] = field(default_factory=dict)
    _known: dict[str, None] = field(default_factory=dict)

    async def __call__(self, batch: Batch) -> list[Emission]:
        if any(record.offset != self._next.get(record.partition) for record in _first(batch)):
            self._known = dict.fromkeys(await self.told())
        # All that may fail comes before anything is kept: the batch may be asked again.
        new: dict[str, Alert] = {}
        for record in batch.records:
            alert = self._alert(record)
            if alert is not None and alert.alert_id not in self._known:
                new.setdefault(alert.alert_id, alert)
        emissions = [self._emission(alert) for alert in new.values()]
        self._known.update(dict.fromkeys(new))
        for name in list(self._known)[:-MOST_REMEMBERED]:
            del self._known[name]
        self._next.update({partition: last + 1 for partition, last in batch.last_offsets().items()})
        return emissions

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """Nothing in place of an event that keeps crashing the monitor."""
        self.counters.unalerted("kafka", "crashed")
        return []

    def _alert(self, record: Record) -> Alert | None:
        """None of what is not bad enough."""
        try:
            event = read_drift(record.value)
        except Undecodable:
            self.counters.unalerted("kafka", "unreadable")
            return None
        return alert_of(event) if SEVERITIES.index(event.severity) >= SEVERITIES.index(self.least) else None

    def _emission(self, alert: Alert) -> Emission:
        self.counters.alerted("kafka", alert.severity)
        log.warning("%s", alert.text, extra={"data": _facts(alert)})
        return Emission(self.alerts, f"{alert.model}:{alert.feature}".encode(), encode_alert(alert), HEADERS)


def _first(batch: Batch) -> list[Record]:
    """Of each partition."""
    found: dict[int, Record] = {}
    for record in batch.records:
        found.setdefault(record.partition, record)
    return list(found.values())


def _facts(alert: Alert) -> dict[str, object]:
    return {
        "alert_id": alert.alert_id,
        "event_id": alert.event_id,
        "phase": alert.phase,
        "severity": alert.severity,
        "model": alert.model,
        "model_version": alert.model_version,
        "feature": alert.feature,
        "cause": alert.cause,
        "source": alert.source,
    }
