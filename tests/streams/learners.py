"""A topic of labelled predictions, and learners on it that may die as they are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from threading import Event, Thread
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from agents.learn import resumed, rows_of
from infra.database.online import OnlineModels
from infra.kafka import client_options, publish
from models.bundle import Bundle
from schemas.labelled import RowKey
from schemas.online import Checkpoint
from streams.learning import Learning, Pace
from streams.settings import Settings
from streams.topics import LABELLED_PREDICTIONS
from streams.trainer_metrics import OnlineMetrics
from tests.agents.lessons import Log
from tests.e2e.platform import wait_for
from tests.kafka import WAIT_S

PACE = Pace(batch=30, kept_records=60, kept_s=0.05, again_s=0.05)


class KilledError(Exception):
    """The process is gone."""


class Learners(OnlineModels):
    """Real ones, with features at hand; chances of dying as a state is kept, and failures to come."""

    def __init__(self, engine: Engine, features: Mapping[RowKey, Any]) -> None:
        super().__init__(engine)
        self.known, self.deaths, self.failures = features, Random(0), list[Exception]()
        self.risk = 0.0

    def features(self, keys: Sequence[RowKey]) -> Mapping[RowKey, Any]:
        if self.failures:
            raise self.failures.pop()
        return {key: self.known[key] for key in keys if key in self.known}

    def save(self, checkpoint: Checkpoint) -> Checkpoint | None:
        if self.deaths.random() < self.risk:
            raise KilledError
        kept = super().save(checkpoint)
        if self.deaths.random() < self.risk:
            raise KilledError
        return kept


@dataclass
class Champions:
    now: Bundle

    def champion(self, model: str) -> Bundle:
        return self.now

    def champion_version(self, model: str) -> str:
        return self.now.version


@dataclass
class Bench:
    """A topic and learners on it."""

    settings: Settings
    learners: Learners
    champions: Champions
    log: Log
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    ends: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = OnlineMetrics(self.registry)
        self.topic = self.settings.topic(LABELLED_PREDICTIONS.name)
        self.running: list[tuple[Thread, Event]] = []

    def tell(self, values: Sequence[bytes]) -> None:
        publish(client_options(self.settings), self.topic, [(b"c", value, []) for value in values])

    def start(self, pace: Pace = PACE) -> Thread:
        stop = Event()
        learning = Learning(self.log.model, self.settings, self.learners, self.champions, self.metrics, stop, pace)

        def run() -> None:
            try:
                learning()
            except KilledError as error:
                self.ends.append(error)

        thread = Thread(target=run)
        self.running.append((thread, stop))
        thread.start()
        return thread

    def stop(self) -> None:
        for thread, stop in self.running:
            stop.set()
            thread.join(WAIT_S)
            assert not thread.is_alive()
        self.running.clear()

    def kept(self) -> Checkpoint | None:
        return self.learners.load(self.log.model)

    def until(self, next_offset: int) -> Checkpoint:
        found = wait_for(lambda: (kept := self.kept()) and kept.next_offset == next_offset and kept, f"{next_offset}")
        assert isinstance(found, Checkpoint)
        return found

    def counted(self, outcome: str) -> float | None:
        labels = {"model": self.log.model, "outcome": outcome}
        return self.registry.get_sample_value("online_records_total", labels)

    def expected(self, values: Sequence[bytes] | None = None) -> str:
        """What is kept of one that reads all of it without a stop."""
        pupil = resumed(self.champions.now, None)
        pupil.learn(rows_of(self.log.model, self.log.values if values is None else values)[0], self.log.features)
        return pupil.kept()
