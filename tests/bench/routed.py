"""One scorer that serves the routes that are written here, and drains what lies ready as often as it is asked."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import perf_counter
from uuid import uuid4

import psutil
from confluent_kafka import Producer

from infra import artifacts
from infra.kafka import client_options
from infra.local.process import tail
from models.bundle import GRAPH, MANIFEST, OUTLIERS, write_bundle
from models.churn import CHURN, LABEL
from models.manifest import Manifest
from models.simulate import simulate_customers
from models.training import train
from schemas.routes import Arm, Revision, Route, RoutePlan, StrategyName
from streams.topics import MODEL_ROUTES, PREDICTION_RESULTS
from tests.bench.drain import SLOWEST_PER_S, Drain, cpu_s
from tests.bench.load import QUIET, WAIT_S, Ends, Load, Tail
from tests.bench.options import Options
from tests.bench.place import Lane, Place, Started

MODEL = "churn"
TWINS = ("v1", "v2", "v3")
"""Versions with the same graph."""
FOREST = "forest"
START_S = 60.0
FOLLOW_S = 20.0


def plan(strategy: StrategyName, *arms: tuple[str, str, float], mirror: float = 0.0) -> RoutePlan:
    """arms: (name, version, weight)."""
    named = tuple(Arm(name=name, version=version, weight=weight) for name, version, weight in arms)
    return RoutePlan(strategy=strategy, arms=named, mirror=mirror)


def champion(version: str = TWINS[0]) -> RoutePlan:
    return plan("champion", ("champion", version, 1.0))


class RouteWriter:
    """Writes the routes of a lane's model, each under the next epoch, as the control agent would."""

    def __init__(self, lane: Lane) -> None:
        self._topic = lane.topic(MODEL_ROUTES.name)
        self._producer = Producer({**QUIET, **client_options(lane.settings), "linger.ms": 0})
        self._last: Revision | None = None

    def write(self, new: RoutePlan, *, remember: bool = False) -> int:
        """Its epoch; the record is on its way. remember: the plan before can be rolled back to, so that scorers keep
        its bundles."""
        epoch = self._last.epoch + 1 if self._last else 1
        before = (self._last,) if self._last and remember else ()
        revision = Revision(
            epoch=epoch, at=datetime.now(UTC), action="set", actor="bench", command_id=uuid4().hex, plan=new
        )
        route = Route(model=MODEL, revisions=(*before, revision))
        self._producer.produce(self._topic, route.model_dump_json().encode(), MODEL.encode())
        self._producer.poll(0)
        self._last = revision
        return epoch

    def flush(self) -> None:
        self._producer.flush(WAIT_S)


@dataclass(frozen=True)
class Routed:
    """The scorer, and what feeds and watches it."""

    lane: Lane
    scorer: Started
    routes: RouteWriter
    load: Load
    ends: Ends
    results: Tail

    def follow(self, new: RoutePlan, *, remember: bool = False) -> int:
        """Return the plan's epoch once it is served. Raises Unavailable."""
        epoch = self.routes.write(new, remember=remember)
        said = f'"message": "serving", "model": "{MODEL}", "epoch": {epoch},'
        self.scorer.await_true(lambda: said in tail(self.scorer.log, 20), f"epoch {epoch} is served", FOLLOW_S)
        return epoch

    def drain(self, count: int) -> Drain:
        """So many requests that lie ready: the scorer stands still while they are put there."""
        signed, goal = self.load.signed(count), self.begin() + count
        process = psutil.Process(self.scorer.process.pid)
        self.scorer.check()
        os.kill(process.pid, signal.SIGSTOP)
        try:
            self.load.send(signed)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        before, began = cpu_s(process), perf_counter()
        self.await_results(goal, count)
        used = cpu_s(process) - before
        times = [seen.timestamp_ms for seen in self.results.read(count)]
        seconds = (max(times) - min(times)) / 1000 or perf_counter() - began
        return Drain(count, seconds, used / count * 1e6)

    def begin(self) -> int:
        """How many results there are; those that come now are the ones to be read."""
        self.results.begin()
        return self.ends.count()

    def await_results(self, goal: int, count: int) -> None:
        """Return once there are `goal` of them in all; `count` are still to come."""
        within_s = START_S + count / SLOWEST_PER_S
        self.scorer.await_true(lambda: self.ends.count() >= goal, f"{count} results", within_s)


@contextmanager
def routed(place: Place, options: Options) -> Iterator[Routed]:
    """A scorer of its own, on a store of its own, that serves version v1."""
    store = f"file://{place.folder}/routed"
    publish_twins(place.store, store)
    if "switch" in options.parts:
        publish_forest(store, options.forest_rows)
    lane = place.lane(MODEL_STORE=store)
    routes = RouteWriter(lane)
    routes.write(champion())
    routes.flush()
    results = lane.topic(PREDICTION_RESULTS.name)
    load, ends = Load(lane, linger_ms=0), Ends(lane, results)
    with place.role("scorer", lane) as scorer:
        load.put(1)
        scorer.await_true(lambda: ends.count() == 1, "a first result", START_S)
        yield Routed(lane, scorer, routes, load, ends, Tail(lane, results))


def publish_twins(store: str, target: str) -> None:
    """The newest model of a store under other versions."""
    files = artifacts.fetch(store, MODEL, artifacts.latest(store, MODEL))
    manifest = Manifest.from_bytes(files[MANIFEST])
    for version in TWINS:
        twin = write_bundle(replace(manifest, version=version), files[GRAPH], detector=files.get(OUTLIERS))
        artifacts.publish(target, MODEL, version, twin)


def publish_forest(target: str, rows: int) -> None:
    """A hundred trees: megabytes to be read, verified and loaded."""
    files = train(
        simulate_customers(rows, 7),
        LABEL,
        signature=CHURN,
        name=MODEL,
        trained_at=datetime.now(UTC),
        algorithm="random_forest",
        version=FOREST,
    )
    artifacts.publish(target, MODEL, FOREST, files)
