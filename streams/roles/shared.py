"""What every role is made with, and how its steps become pipelines."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from schemas.message import Emission, Record
from streams.attempts import RedisAttempts
from streams.loops import Limits, Pipeline
from streams.observe import Metrics
from streams.producer import Producer
from streams.settings import Settings
from streams.topology import Step
from streams.urgency import ByUrgency

log = logging.getLogger("weir.worker")


class View(Protocol):
    """A compacted topic that a role follows."""

    @property
    def topic(self) -> str: ...
    @property
    def staleness_s(self) -> float: ...
    async def failed(self) -> None:
        """Returns never, or raises what ended the following."""
        ...


Built = tuple[list[Pipeline], Sequence[View]]
"""What a role runs, and the views that it follows meanwhile."""


@dataclass(frozen=True, slots=True)
class Shared:
    """things: closed as the worker ends. partitions: of each topic the role needs; logs: the identity of each."""

    settings: Settings
    things: AsyncExitStack
    producer: Producer | ByUrgency
    metrics: Metrics
    partitions: Mapping[str, int]
    logs: Mapping[str, str]

    def pipelines(
        self,
        role: str,
        steps: Sequence[Step],
        redis: Any,
        *,
        singly: bool = False,
        fetch_bytes: int = 1,
        in_flight: int | None = None,
    ) -> list[Pipeline]:
        """One for each step, with the settings' limits but where others are given: see `streams.loops.Limits`."""
        settings = self.settings
        attempts = RedisAttempts(redis, self.logs, settings.topic(role))
        limits = Limits(
            in_flight=1 if singly else in_flight or settings.batches_in_flight * settings.batch_records,
            batch_timeout_s=settings.batch_timeout_s,
            max_attempts=settings.max_attempts,
            singly=singly,
            fetch_bytes=fetch_bytes,
        )
        return [
            Pipeline(
                settings.topic(step.topic.name),
                step.stage,
                self.producer,
                attempts,
                partial(give_up, step),
                self.metrics,
                limits,
            )
            for step in steps
        ]


def give_up(step: Step, record: Record, attempts: int) -> Sequence[Emission]:
    """The emissions in place of a record that has crashed the worker so often."""
    error_id = str(uuid.uuid4())
    log.error("giving up", extra={"data": {"error_id": error_id, "topic": record.topic, "offset": record.offset}})
    return step.give_up(record, attempts, error_id)
