"""What a switch costs: a steady stream through a scorer whose route changes, beside the same time without a change."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise

import orjson

from tests.bench.load import Seen
from tests.bench.options import Options
from tests.bench.routed import FOREST, TWINS, Routed, champion

V1, V2, _ = TWINS
KINDS: Mapping[str, tuple[str, str, bool]] = {
    "two at hand": (V1, V2, True),
    "small, loaded anew": (V1, V2, False),
    "forest, loaded anew": (V1, FOREST, False),
}
"""Two versions that take turns, and whether each plan remembers the one before: then its bundles are kept, as between
`promote` and `rollback`. A forest has a hundred trees, and takes turns with a small model."""
WINDOW_S = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """Part of a stream: whether the route changed at its beginning, the longest time without a result, and the longest
    from a request's receipt to its scoring, in milliseconds."""

    switched: bool
    gap_ms: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Switches:
    """One stream. followed: switches that results tell of. batch_ms: the scorer's time for one full batch."""

    kind: str
    windows: Sequence[Window]
    followed: int
    batch_ms: float


def switches(scorer: Routed, options: Options) -> Iterator[Switches]:
    """A stream for each kind of switch."""
    size = scorer.lane.settings.batch_records
    batch_ms = 1000 * size / scorer.drain(options.routing_records).rate
    for kind, (one, other, remember) in KINDS.items():
        for version in (one, other, one) if remember else (one,):
            scorer.follow(champion(version), remember=remember)
        goal = scorer.begin()
        begun, sent = _stream(scorer, options, cycle((other, one)), remember)
        scorer.await_results(goal + sent, sent)
        seen = sorted(scorer.results.read(sent))
        epochs = {orjson.loads(each.value)["route_epoch"] for each in seen}
        yield Switches(kind, windows(seen, begun)[1:], len(epochs) - 1, batch_ms)


def _stream(scorer: Routed, options: Options, versions: Iterator[str], remember: bool) -> tuple[list[float], int]:
    """When each part of the stream began, in epoch milliseconds, and how many requests it had: the first part is not
    looked at, and then the route changes at the beginning of every other."""
    rate, seconds = options.switch_rate, min(WINDOW_S, options.seconds)
    begun, sent = [time.time() * 1000], scorer.load.steadily(rate, seconds)
    for number in range(2 * options.switches):
        begun.append(time.time() * 1000)
        if number % 2 == 0:
            scorer.routes.write(champion(next(versions)), remember=remember)
        sent += scorer.load.steadily(rate, seconds)
    scorer.load.send([])
    return begun, sent


def windows(seen: Sequence[Seen], begun: Sequence[float]) -> list[Window]:
    """The results, each counted where the time before it began."""
    gaps = [0.0] * len(begun)
    latencies = [0.0] * len(begun)
    place = 0
    for before, result in pairwise(seen):
        while place + 1 < len(begun) and before.timestamp_ms >= begun[place + 1]:
            place += 1
        gaps[place] = max(gaps[place], result.timestamp_ms - before.timestamp_ms)
        latencies[place] = max(latencies[place], orjson.loads(result.value)["latency_ms"])
    return [Window(number % 2 == 1, *longest) for number, longest in enumerate(zip(gaps, latencies, strict=True))]
