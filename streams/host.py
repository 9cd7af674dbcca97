"""What every host offers: pipelines run until told to stop, and their progress can be watched."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from streams.loops import Pipeline
from streams.settings import Settings

REBALANCE_TIMEOUT_S = 45.0
"""How long the broker waits in a rebalance for a worker to let go of its partitions; above a batch's timeout."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a worker has come.

    position: grows with every record fetched and every batch acked. unread: records that the log holds beyond what was
    fetched. unfinished: batches being processed or delivered. excused: a dependency's outage explains a standstill.
    partitions: those it reads. rebalancing: its partitions are about to change, and what is unread is not known.
    """

    position: int
    unread: int
    unfinished: int = 0
    excused: bool = False
    partitions: int = 0
    rebalancing: bool = False


class Host(Protocol):
    """A driver of pipelines: Faust or the bare aiokafka loop."""

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set, then finish, commit and leave the group; raises what crashed."""
        ...

    def progress(self) -> Progress: ...


def make_host(settings: Settings, group: str, pipelines: Sequence[Pipeline]) -> Host:
    """The host that WEIR_HOST names, for one role; the other's libraries are not even loaded."""
    if settings.weir_host == "bare":
        from streams.bare_host import BareHost

        return BareHost(settings, group, pipelines)
    from streams.faust_host import FaustHost

    return FaustHost(settings, group, pipelines)


def fetch_bytes(pipelines: Sequence[Pipeline]) -> int:
    """How much a consumer has the broker gather: what suits the pipeline in the greatest hurry."""
    return min((pipeline.limits.fetch_bytes for pipeline in pipelines), default=1)


def measure(consumer: Any, pipelines: Sequence[Pipeline], rebalancing: bool) -> Progress:
    """The progress of pipelines on an AIOKafkaConsumer; reads attributes only, so that a thread may call it."""
    position = unread = partitions = 0
    subscription = None if consumer is None else consumer._subscription.subscription
    if subscription is not None and subscription.assignment is not None:
        for tp in list(subscription.assignment.tps):
            state = subscription.assignment.state_value(tp)
            if state is not None and state.has_valid_position:
                partitions += 1
                position += state.position
                unread += max(0, (state.highwater or 0) - state.position)
    return Progress(
        position + sum(pipeline.acked for pipeline in pipelines),
        unread,
        sum(pipeline.unfinished for pipeline in pipelines),
        any(pipeline.waiting_for for pipeline in pipelines),
        partitions,
        rebalancing,
    )
