"""Drift through the monitor's own stages in one process: how late it is found, how often wrongly, and at what speed."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from time import thread_time

from agents.answer import Scorer
from agents.ending import Outlets
from agents.outliers import Spotting
from agents.sketching import Sketching, Watched
from agents.watching import Watching, WatchOutlets
from models.bundle import Bundle
from models.churn import CHURN
from models.drift import Rules
from models.routing import ModelRoute, Routes
from models.shifted import Shift, drifting_customers
from models.tabular import rows_of
from schemas.drift_events import DriftEvent, read_drift
from schemas.message import Batch, Emission, Record
from streams.roles.monitor import SLOT_MS
from tests.agents.scorer import NOW_MS, FakeCounters, FakeKeys, FakeLimiter, clock, credential, record
from tests.agents.watched import FakeMonitorCounters
from tests.bench.load import customers
from tests.bench.routed import TWINS, champion

PARTITIONS, BATCH, WINDOW = 6, 1000, 1000
WINDOW_MS, ROW_MS = 60_000, 60
"""How long a window is at least, where rates are measured; between two rows, where a drift is looked for."""
KEYS = [f"{i}" * 11 for i in range(4)]
SHIFT = 1.0
QUIET_WINDOWS, MOST_WINDOWS = 4, 4
SHARED = ("scorer", "sketching", "watching")


@dataclass(frozen=True, slots=True)
class Found:
    """One seeded onset. rows: from the onset to the event, None where it was not found within MOST_WINDOWS. quiet_rows:
    before it; false_alarms: episodes of other features, and before it."""

    feature: str
    rows: int | None
    quiet_rows: int
    false_alarms: int


class Monitor:
    """The monitor's stages, each given what the one before made."""

    def __init__(self, known: Watched, window_ms: int = 0) -> None:
        counters = FakeMonitorCounters()

        async def references(model: str, version: str) -> Watched:
            return known

        async def states() -> Mapping[bytes, bytes]:
            return {}

        self.sketching = Sketching(references, counters, "sketches", SLOT_MS, Spotting("outliers", counters))
        outlets = WatchOutlets("events", "windows", "states", "outliers")
        self.watching = Watching(references, states, counters, Rules(window_rows=WINDOW), window_ms, SLOT_MS, outlets)
        self.seconds = dict.fromkeys(SHARED, 0.0)
        self.windows = self._said = 0
        self._counters = counters

    @property
    def rows(self) -> int:
        """How many were counted."""
        return self._counters.rows.total()

    async def read(self, records: Sequence[Record]) -> list[DriftEvent]:
        """The drift events that a batch of results led to."""
        began = thread_time()
        sketches = await self.sketching(Batch("results", records))
        self.seconds["sketching"] += thread_time() - began
        said = [one for one in sketches if one.topic == "sketches"]
        lines = [Record("sketches", 0, self._said + i, 0, one.key, one.value, ()) for i, one in enumerate(said)]
        self._said += len(lines)
        began = thread_time()
        told = await self.watching(Batch("sketches", lines))
        self.seconds["watching"] += thread_time() - began
        self.windows += sum(one.topic == "windows" for one in told)
        return [read_drift(one.value) for one in told if one.topic == "events"]


class Answering:
    """The scorer's stage, with its keys and buckets in memory, and where its results lie."""

    def __init__(self, bundle: Bundle) -> None:
        routes = Routes({bundle.name: ModelRoute(bundle.name, champion(), 1, dict.fromkeys(TWINS, bundle))})
        outlets = Outlets("results", "replies", "dead", 12, "mirrored")
        self._stage = Scorer(
            FakeKeys([credential(key_id) for key_id in KEYS]), FakeLimiter(), routes, clock, FakeCounters(), outlets
        )
        self._next = [0] * PARTITIONS
        self.seconds = 0.0

    async def results(self, requests: Sequence[Record]) -> list[Record]:
        began = thread_time()
        emissions = await self._stage(Batch("prediction-requests", requests))
        self.seconds += thread_time() - began
        return self._placed([one for one in emissions if one.topic == "results"])

    def _placed(self, emissions: Sequence[Emission]) -> list[Record]:
        placed = []
        for i, one in enumerate(emissions):
            partition = i % PARTITIONS
            placed.append(Record("results", partition, self._next[partition], 0, one.key, one.value, one.headers or ()))
            self._next[partition] += 1
        return sorted(placed, key=lambda one: (one.partition, one.offset))


def rates(bundle: Bundle, known: Watched, rows: int) -> dict[str, float]:
    """Stage -> rows a second of one core, of the same rows one after the other."""

    async def run() -> dict[str, float]:
        answering, monitor = Answering(bundle), Monitor(known, WINDOW_MS)
        requests = cycle(customers())
        for first in range(0, rows, BATCH):
            signed = [_signed(i, *request, NOW_MS) for i, request in enumerate(islice(requests, BATCH), first)]
            await monitor.read(await answering.results(signed))
        assert monitor.rows == rows
        return {name: rows / max(used, 1e-9) for name, used in {**monitor.seconds, "scorer": answering.seconds}.items()}

    return asyncio.run(run())


def _signed(number: int, entity: str, body: object, at_ms: int) -> Record:
    value = {"entity": entity, **body} if isinstance(body, dict) else body
    given = {"key": entity.encode(), "request_id": b"r-%d" % number, "key_id": KEYS[number % len(KEYS)].encode()}
    return record(value, offset=number, signed_at=at_ms, timestamp=at_ms, **given)


def onsets(bundle: Bundle, known: Watched, seeds: int) -> Iterator[Found]:
    """A feature of each seed's choice that drifts from a row of its choice on, by a standard deviation."""
    for seed in range(seeds):
        random = Random(seed)
        feature = CHURN.names[seed % len(CHURN.names)]
        onset = QUIET_WINDOWS * WINDOW + random.randrange(WINDOW)
        yield asyncio.run(_found(bundle, known, Shift(feature, SHIFT, onset), seed))


async def _found(bundle: Bundle, known: Watched, shift: Shift, seed: int) -> Found:
    answering, monitor, false_alarms, step = Answering(bundle), Monitor(known), 0, BATCH // 4
    rows = rows_of(drifting_customers(shift.at + MOST_WINDOWS * WINDOW, 1000 + seed, shift), CHURN)
    for first in range(0, len(rows), step):
        some = enumerate(rows[first : first + step], first)
        asked = [_signed(i, f"c-{i}", {"features": row}, NOW_MS + i * ROW_MS) for i, row in some]
        end = first + step
        for event in await monitor.read(await answering.results(asked)):
            ours = event.feature == shift.feature and end > shift.at
            if ours and event.phase == "opened":
                return Found(shift.feature, end - shift.at, shift.at, false_alarms)
            # Of the answers too, who follow their features: theirs is no false alarm once those have drifted.
            false_alarms += event.phase == "opened" and not (end > shift.at and event.subject == "prediction")
    return Found(shift.feature, None, shift.at, false_alarms)
