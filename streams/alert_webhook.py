"""Alerts posted to a webhook by a consumer of their own: however long it is away, nothing else of the monitor waits."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from agents.alerting import AlertCounters
from agents.telling import Telling
from streams.bare_host import BareHost
from streams.beside import Beside
from streams.roles.shared import Shared, View
from streams.topics import ALERTS
from streams.topology import Step

GROUP = "alert-webhook"


class Posting(Beside):
    """A host that runs beside the role's own until `things` close."""

    def __init__(self, topic: str, host: BareHost) -> None:
        super().__init__(topic)
        self._host = host
        self._told = asyncio.Event()

    def begin(self, things: AsyncExitStack) -> None:
        self.run(self._host.run(self._told), things)

    async def _stop(self) -> None:
        self._told.set()  # it finishes what it is at
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


def webhook(shared: Shared, redis: Any, counters: AlertCounters) -> list[View]:
    """What posts the alerts; nothing where no webhook is set."""
    settings = shared.settings
    if not settings.drift_webhook_url.get_secret_value():
        return []
    from infra.webhook import Webhook

    # Within a batch's time, or a hook that is slow would count as a crash.
    hook = Webhook(settings.drift_webhook_url, min(settings.drift_webhook_timeout_s, settings.batch_timeout_s / 2))
    shared.things.push_async_callback(hook.aclose)
    telling = Telling(hook.post, counters, lambda: time.time_ns() // 1_000_000)
    # One after the other: an alert is posted again only where its own answer was lost.
    pipelines = shared.pipelines(GROUP, [Step(ALERTS, telling, telling.give_up)], redis, singly=True)
    posting = Posting(settings.topic(ALERTS.name), BareHost(settings, GROUP, pipelines))
    posting.begin(shared.things)
    return [posting]
