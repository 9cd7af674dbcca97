"""The join in the sink: labels whose predictions are stored, and predictions whose labels are."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import perf_counter

import psutil

from schemas.feedback import Feedback
from schemas.message import Emission
from streams.signer import Signer
from streams.topics import FEEDBACK, LABELLED_PREDICTIONS, PREDICTION_RESULTS
from tests.agents.scorer import NOW_MS, record
from tests.bench.drain import cpu_s
from tests.bench.drifting import BATCH, KEYS, Answering
from tests.bench.load import Ends, Load, customers
from tests.bench.monitoring import bundle_of
from tests.bench.place import Lane, Place, Started
from tests.bench.sink import START_S, Stored

LATER, EARLIER = "after its answer", "before its answer"
REPEATED = 10
"""One of so many labels comes twice, and of so many rows one has had another label before."""
SLOWEST_PER_S = 100


@dataclass(frozen=True, slots=True)
class Joined:
    """Rows that were joined, or joined anew, and told on their topic. when: their labels came. cpu_us: the sink's own
    time for one."""

    when: str
    rows: int
    seconds: float
    cpu_us: float

    @property
    def rate(self) -> float:
        """Rows a second, of the process's own core."""
        return 1e6 / max(self.cpu_us, 1e-9)


def joins(place: Place, count: int) -> Iterator[Joined]:
    """Both orders, `count` rows each."""
    lane = place.lane()
    truths, made = Truths(lane), Answering(bundle_of(place.store)[0])
    later, earlier = ([f"{lane.settings.topic_prefix}{when}{number}" for number in range(count)] for when in "ab")
    predicted, awaited = (asyncio.run(results(made, lane, ids)) for ids in (later, earlier))
    with (
        place.role("sink", lane) as sink,
        closing(Stored(lane, PREDICTION_RESULTS, FEEDBACK)) as stored,
    ):
        join = Join(sink, stored, Load(lane), Ends(lane, lane.topic(LABELLED_PREDICTIONS.name)))
        revised = later[::REPEATED]
        join.send([*predicted, *truths.told(revised, 0)], len(revised))
        join.send([*truths.told(earlier, 0), *truths.told(earlier[1::REPEATED], 0)], 0)
        join.send(truths.told(earlier[::REPEATED], 1), 0)
        labels = [*truths.told(later, 1), *truths.told(later[1::REPEATED], 1)]
        yield join.measured(LATER, labels, count)
        yield join.measured(EARLIER, awaited, count)


class Truths:
    """Signed labels."""

    def __init__(self, lane: Lane) -> None:
        self._topic = lane.topic(FEEDBACK.name)
        self._signers = cycle([Signer(*key) for key in lane.keys])

    def told(self, request_ids: Sequence[str], label: int) -> list[Emission]:
        labels = (Feedback(request_id=name, label=label, source="bench") for name in request_ids)
        return [next(self._signers).feedback(self._topic, label) for label in labels]


async def results(made: Answering, lane: Lane, request_ids: Sequence[str]) -> list[Emission]:
    """As the scorer's own stage tells them."""
    topic, asked, found = lane.topic(PREDICTION_RESULTS.name), cycle(customers()), list[Emission]()
    for first in range(0, len(request_ids), BATCH):
        names = request_ids[first : first + BATCH]
        requests = [
            record(
                body,
                key=entity.encode(),
                request_id=name.encode(),
                key_id=KEYS[0].encode(),
                offset=place,
                signed_at=NOW_MS,
                timestamp=NOW_MS,
            )
            for place, (name, (entity, body)) in enumerate(zip(names, islice(asked, len(names)), strict=True), first)
        ]
        found += [Emission(topic, one.key, one.value, one.headers) for one in await made.results(requests)]
    return found


@dataclass
class Join:
    """A sink, and how far it has come with what it is sent."""

    sink: Started
    stored: Stored
    load: Load
    told: Ends
    _sent: int = field(default=0, init=False)
    _joined: int = field(default=0, init=False)

    def send(self, records: Sequence[Emission], joined: int) -> None:
        """Return once these are stored, and so many rows more are told."""
        self._put(records, joined)
        self._await(len(records))

    def measured(self, when: str, records: Sequence[Emission], joined: int) -> Joined:
        """The same; they lie ready by then, as the sink stands still before."""
        process = psutil.Process(self.sink.process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            self._put(records, joined)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        before, began = cpu_s(process), perf_counter()
        self._await(len(records))
        return Joined(when, joined, perf_counter() - began, (cpu_s(process) - before) / joined * 1e6)

    def _put(self, records: Sequence[Emission], joined: int) -> None:
        self.load.send(records)
        self._sent += len(records)
        self._joined += joined

    def _await(self, records: int) -> None:
        within_s = START_S + records / SLOWEST_PER_S
        self.sink.await_true(lambda: self.stored.count() >= self._sent, f"{self._sent} records stored", within_s)
        self.sink.await_true(lambda: self.told.count() >= self._joined, f"{self._joined} rows told", within_s)
