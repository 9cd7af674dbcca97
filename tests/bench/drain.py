"""Drains: how fast each contender gets through the same kind of records that lie ready."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter

import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.kafka import client_options
from streams.cli.run import cores
from streams.topics import PREDICTION_REQUESTS, PREDICTION_RESULTS
from tests.bench.load import Ends, Group, Load
from tests.bench.options import Options
from tests.bench.place import Lane, Place, Started

FAUST, BARE, STOCK, LOOP = "weir on Faust", "weir on the bare host", "stock Faust agent", "bare confluent loop"
FLEET = "weir on Faust, a process per core"
SLOWEST_PER_S = 100
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Drain:
    """records, seconds: between the first result and the last. cpu_us: the process's own time for a record, None
    where it was through before it could be looked at."""

    records: int
    seconds: float
    cpu_us: float | None

    @property
    def rate(self) -> float:
        return self.records / max(self.seconds, 0.001)


def drains(place: Place, lane: Lane, options: Options, turn: int) -> Iterator[tuple[str, Drain]]:
    """One turn; who begins changes from turn to turn. The bare host and the fleet read lanes of their own.

    Where drains are not asked for, `weir on Faust` runs alone: the sink needs its results.
    """
    bare, fleet = place.lane(WEIR_HOST="bare"), place.lane()
    contenders: dict[str, Callable[[], Drain]] = {
        FAUST: lambda: drain_weir(place, lane, options.requests),
        STOCK: lambda: drain_stock(place, lane, options.stock_records),
        BARE: lambda: drain_weir(place, bare, options.requests),
        LOOP: lambda: drain_loop(place, lane, options.requests, options.loop_records),
        FLEET: lambda: drain_fleet(place, fleet, options.requests),
    }
    names = [*contenders] if "drain" in options.parts else [FAUST]
    for each in (lane, bare) if BARE in names else (lane,):
        Load(each).put(options.requests)
    begin = turn % len(names)
    for name in names[begin:] + names[:begin]:
        yield name, contenders[name]()


def drain_weir(place: Place, lane: Lane, count: int) -> Drain:
    """The whole pipeline: signature, bucket, validation, scoring, results."""
    return _measure(place.role("scorer", lane), Ends(lane, lane.topic(PREDICTION_RESULTS.name)), count)


def drain_fleet(place: Place, lane: Lane, count: int) -> Drain:
    """The same by the scorer as the Procfile starts it; its processes get the records once all have joined, or one of
    them would wait through a rebalance for most of the time. Timed from when the broker has every record."""
    load = Load(lane)
    signed = load.signed(count)
    with place.role("scorer", lane, "--processes", "auto") as started:
        group, processes = Group(lane, "scorer"), cores()
        started.await_true(lambda: group.members() == processes, "all joined", START_S)
        load.send(signed)
        signed.clear()
        mine = psutil.Process(started.process.pid)
        return _rest(lane, started, mine.children(recursive=True) or [mine], count)


def _rest(lane: Lane, watched: Started, processes: Sequence[psutil.Process], count: int) -> Drain:
    """What is still to do, until there are `count` results."""
    ends = Ends(lane, lane.topic(PREDICTION_RESULTS.name))
    first, before, began = ends.count(), sum(map(cpu_s, processes)), perf_counter()
    watched.await_true(lambda: ends.count() >= count, f"{count} results", START_S + count / SLOWEST_PER_S)
    seconds, used, seen = perf_counter() - began, sum(map(cpu_s, processes)) - before, count - first
    return Drain(seen, seconds, used / seen * 1e6) if seen else Drain(count, ends.span_s(), None)


def drain_stock(place: Place, lane: Lane, count: int) -> Drain:
    source, target = lane.topic(PREDICTION_REQUESTS.name), _target(lane, "stock")
    process = place.python("stock", lane, "-m", "tests.bench.stock_agent", source, target)
    return _measure(process, Ends(lane, target), count)


def drain_loop(place: Place, lane: Lane, held: int, count: int) -> Drain:
    source, target = lane.topic(PREDICTION_REQUESTS.name), _target(lane, "loop")
    arguments = (source, target, str(held), str(count))
    return _measure(place.python("loop", lane, "-m", "tests.bench.bare_loop", *arguments), Ends(lane, target), count)


def _target(lane: Lane, name: str) -> str:
    topic = lane.topic(f"{name}-results")
    admin = AdminClient(client_options(lane.settings))
    [made] = admin.create_topics([NewTopic(topic, PREDICTION_RESULTS.partitions, 1)]).values()
    made.result(START_S)
    return topic


def _measure(contender: AbstractContextManager[Started], ends: Ends, count: int) -> Drain:
    """Run a contender until its results topic holds `count` records."""
    with contender as started:
        started.await_true(lambda: ends.count() > 0, "a first result", START_S)
        process = psutil.Process(started.process.pid)
        first, before = ends.count(), cpu_s(process)
        started.await_true(lambda: ends.count() >= count, f"{count} results", START_S + count / SLOWEST_PER_S)
        seen, used = ends.count() - first, cpu_s(process) - before
    return Drain(ends.count(), ends.span_s(), used / seen * 1e6 if seen else None)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
