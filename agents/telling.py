"""Alerts on their way to people: each posted to a webhook, until it takes it or is past taking it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from msgspec.json import encode

from agents.alerting import AlertCounters
from schemas.alerts import read_alert, slack_message
from schemas.errors import Unavailable, Undecodable
from schemas.message import Batch, Emission, Record

log = logging.getLogger("weir.alerts")

MAX_AGE_MS = 24 * 3600 * 1000
"""Older drifts are history: a hook that is new would be told of a month of them."""
MOST_TRIES = 5
"""For an alert that the hook fails on, while it may take others."""
_AWAY = frozenset({408, 425, 429, 502, 503, 504})

Post = Callable[[bytes], Awaitable[int]]
"""Posts a body and returns the status that it was answered with. Raises Unavailable where there was no answer."""


@dataclass(slots=True)
class Telling:
    """The stage on `alerts`, one record at a time. It waits, by raising Unavailable, while the hook is away, and holds
    up nobody: the alerts lie on their topic.

    now_ms: the clock. What was not told is counted and logged, without the hook's address.
    """

    post: Post
    counters: AlertCounters
    now_ms: Callable[[], int]
    _tries: dict[tuple[int, int], int] = field(default_factory=dict)

    async def __call__(self, batch: Batch) -> Sequence[Emission]:
        for record in batch.records:
            await self._tell(record)
        return []

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """Nothing in place of an alert that keeps crashing the monitor."""
        self.counters.unalerted("webhook", "crashed")
        return []

    async def _tell(self, record: Record) -> None:
        try:
            alert = read_alert(record.value)
        except Undecodable:
            self.counters.unalerted("webhook", "unreadable")
            return
        if self.now_ms() - alert.timestamp.timestamp() * 1000 > MAX_AGE_MS:
            self._lose(record, "late", alert.alert_id, None)
            return
        status = await self.post(encode(slack_message(alert)))
        if 200 <= status < 300:
            self._tries.clear()
            self.counters.alerted("webhook", alert.severity)
        elif status in _AWAY or (status >= 500 and self._again(record)):
            raise Unavailable("webhook", f"the alerts' webhook answers with status {status}")
        else:
            self._lose(record, "refused", alert.alert_id, status)

    def _again(self, record: Record) -> bool:
        place = record.partition, record.offset
        self._tries[place] = self._tries.get(place, 0) + 1
        return self._tries[place] < MOST_TRIES

    def _lose(self, record: Record, reason: str, name: str, status: int | None) -> None:
        self._tries.pop((record.partition, record.offset), None)
        self.counters.unalerted("webhook", reason)
        log.error("an alert was not told: %s", reason, extra={"data": {"alert_id": name, "status": status}})
