"""An online learner at work: it reads labelled predictions from where it was kept, and is kept with its place."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Protocol

from agents.learn import Pupil, lessons, resumed, rows_of
from infra.database.online import OnlineModels
from infra.from_offset import Read, Reader, reading
from infra.kafka import client_options
from models.bundle import Bundle
from schemas.errors import WeirError
from schemas.online import Checkpoint
from streams.settings import Settings
from streams.topics import LABELLED_PREDICTIONS, log_ids
from streams.trainer_metrics import OnlineMetrics

log = logging.getLogger("weir.learn")

WAIT_S = 0.5
"""How soon the end is heard while no records come."""


@dataclass(frozen=True, slots=True)
class Pace:
    """batch: records that are learned at once. kept_records, kept_s: after so many, or so many seconds after the first
    of them, a learner is kept; no more are read again. again_s: from an interruption to the next try."""

    batch: int = 500
    kept_records: int = 1000
    kept_s: float = 5.0
    again_s: float = 15.0


class Champions(Protocol):
    """Who answers now. Raises InvalidRequest for a model without a route, BundleRefused, Unavailable."""

    def champion(self, model: str) -> Bundle: ...

    def champion_version(self, model: str) -> str: ...


@dataclass(slots=True)
class Place:
    """Where a pupil stands. kept: as it was kept last, or would be first; unkept: records since, from when on."""

    pupil: Pupil
    kept: Checkpoint
    next_offset: int
    unkept: int = 0
    since: float = 0.0

    def is_due(self, pace: Pace) -> bool:
        return self.unkept >= pace.kept_records or (self.unkept > 0 and monotonic() - self.since >= pace.kept_s)


@dataclass(frozen=True, slots=True)
class Learning:
    """A model's, in a thread of its own."""

    model: str
    settings: Settings
    learners: OnlineModels
    champions: Champions
    metrics: OnlineMetrics
    stop: Event
    pace: Pace = Pace()

    def __call__(self) -> None:
        """Learn until told to stop; where Kafka, Postgres or the model store is away, or somebody else has kept the
        learner meanwhile, go on from what is kept."""
        while not self.stop.is_set():
            try:
                self._learn()
            except WeirError as error:
                self.metrics.interrupted(self.model)
                log.warning("learning is interrupted: %s", error, extra={"data": {"model": self.model}})
                self.stop.wait(self.pace.again_s)

    def _learn(self) -> None:
        """Until told to stop, overtaken, or the champion or the topic is another one."""
        with self._opened() as (place, reader):
            looked_at, is_kept = monotonic(), True
            while is_kept and not self.stop.is_set():
                self._take(place, reader.read(self.pace.batch, WAIT_S))
                self.metrics.lag(self.model, reader.lag(place.next_offset))
                if place.is_due(self.pace):
                    is_kept = self._keep(place)
                elif monotonic() - looked_at >= self.settings.retrain_look_s:
                    if self._is_other(place.kept):
                        break
                    looked_at = monotonic()
            if is_kept and place.unkept:
                self._keep(place)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Place, Reader]]:
        champion, found = self.champions.champion(self.model), self.learners.load(self.model)
        topic_log = self._log()
        pupil, offset = resumed(champion, found.state if found else None), found.next_offset if found else 0
        if found is not None and found.log != topic_log:
            log.warning("the topic was made anew: learning goes on at its beginning", extra=self._said(offset))
            offset = 0
        place = Place(pupil, self._checkpoint(pupil, topic_log, offset, found.edition if found else 0), offset)
        log.info("learning", extra=self._said(offset, rows=pupil.learner.rows, champion=champion.version))
        with reading(client_options(self.settings), self._topic, offset) as reader:
            yield place, reader

    def _take(self, place: Place, records: Sequence[Read]) -> None:
        if not records:
            return
        if place.next_offset and records[0].offset != place.next_offset:
            log.warning(
                "what was to be learned next is on the topic no more: learning goes on at its first record",
                extra=self._said(place.next_offset, first=records[0].offset),
            )
        rows, passed = rows_of(self.model, [record.value for record in records])
        counts = passed + place.pupil.learn(rows, self.learners.features(list(lessons(rows))))
        self.metrics.took(self.model, counts)
        place.since = place.since if place.unkept else monotonic()
        place.next_offset, place.unkept = records[-1].offset + 1, place.unkept + len(records)

    def _keep(self, place: Place) -> bool:
        """Whether nobody else has kept the learner meanwhile."""
        kept = self.learners.save(self._checkpoint(place.pupil, place.kept.log, place.next_offset, place.kept.edition))
        if kept is None:
            log.warning("another trainer has gone on with this learner", extra=self._said(place.next_offset))
            self.stop.wait(self.pace.again_s)
            return False
        place.kept, place.unkept = kept, 0
        return True

    def _is_other(self, kept: Checkpoint) -> bool:
        return (kept.champion_version, kept.log) != (self.champions.champion_version(self.model), self._log())

    def _checkpoint(self, pupil: Pupil, topic_log: str, next_offset: int, edition: int) -> Checkpoint:
        rows, compared = pupil.learner.rows, len(pupil.latest.truth)
        whose = pupil.champion.version
        return Checkpoint(self.model, topic_log, next_offset, rows, compared, whose, pupil.kept(), edition)

    @property
    def _topic(self) -> str:
        return self.settings.topic(LABELLED_PREDICTIONS.name)

    def _log(self) -> str:
        return log_ids(self.settings, [LABELLED_PREDICTIONS])[self._topic]

    def _said(self, offset: int, **more: object) -> dict[str, object]:
        return {"data": {"model": self.model, "offset": offset, **more}}


@asynccontextmanager
async def learning(
    settings: Settings, learners: OnlineModels, champions: Champions, metrics: OnlineMetrics
) -> AsyncIterator[Sequence[asyncio.Future[None]]]:
    """The learners of the models that the settings name, each in a thread; they end with the block, and are kept.

    One that ends before has met a bug.
    """
    models, stop = sorted(settings.online_models), Event()
    if not models:
        yield []
        return
    threads, loop = ThreadPoolExecutor(len(models), "learner"), asyncio.get_running_loop()
    work = [Learning(model, settings, learners, champions, metrics, stop) for model in models]
    try:
        yield [loop.run_in_executor(threads, one) for one in work]
    finally:
        stop.set()
        await asyncio.to_thread(threads.shutdown)
