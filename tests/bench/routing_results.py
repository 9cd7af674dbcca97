"""What was measured of routing, of switches and of shadows, gathered over the repeats and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.drain import Drain
from tests.bench.routing import CHAMPION, UNTARGETED
from tests.bench.shadowing import OFF, ON, Trips
from tests.bench.spread import Spread, spread
from tests.bench.switching import Switches

ROUTING_ADDED = 0.05
"""The most that a strategy shall add to what a record costs the scorer under the champion's route."""
PAUSE_BATCHES = 1.0
"""The longest time without a result around a switch, in full batches' times, shall be less."""
SHADOW_RATIO = 1.10
"""The most that the champion's p99 with a shadow shall be of that without."""


@dataclass
class RoutingResults:
    """Everything, as it comes."""

    drains: dict[str, list[Drain]] = field(default_factory=dict)
    score_us: dict[str, float] = field(default_factory=dict)
    switches: list[Switches] = field(default_factory=list)
    trips: dict[str, list[Trips]] = field(default_factory=dict)

    def ratios(self) -> dict[str, Spread]:
        """Plan -> ratio of its drain rate to the champion's in the same round."""
        ours = self.drains.get(CHAMPION, [])
        pairs = {name: zip(drains, ours, strict=False) for name, drains in self.drains.items()}
        found = {name: [one.rate / base.rate for one, base in pair] for name, pair in pairs.items()}
        return {name: spread(values) for name, values in found.items() if values}

    def cpu_ratios(self) -> dict[str, float]:
        """The same by the process's own time for a record, over all rounds: what a busy machine leaves undisturbed."""
        totals = {name: sum(drain.cpu_us or 0.0 for drain in drains) for name, drains in self.drains.items()}
        return {name: totals[CHAMPION] / total for name, total in totals.items() if total and totals.get(CHAMPION)}

    def added(self) -> dict[str, float]:
        """Plan -> what it adds to a record's answering, as a part of the process's own time for one in the champion's
        drains: the rates of the drains tell more of the machine than of the plan."""
        times = [drain.cpu_us for drain in self.drains.get(CHAMPION, []) if drain.cpu_us]
        base = self.score_us.get(CHAMPION, 0.0)
        return {name: (us - base) / spread(times).median for name, us in self.score_us.items()} if times else {}

    def shadow_ratios(self) -> dict[str, Spread]:
        """p50 and p99 with a shadow over those without, each pair by itself."""
        pairs = [*zip(self.trips.get(ON, []), self.trips.get(OFF, []), strict=False)]
        names = ("p50", "p99") if pairs else ()
        return {name: spread([getattr(on, name) / getattr(off, name) for on, off in pairs]) for name in names}

    def as_json(self) -> dict[str, Any]:
        return {
            "routing": self._routing(),
            "switch": {each.kind: _switch(each) for each in self.switches},
            "shadow": {
                **{name: _trips(trips) for name, trips in self.trips.items()},
                **{f"{name}_ratio": found.as_json() for name, found in self.shadow_ratios().items()},
                "p99_target": SHADOW_RATIO,
            },
        }

    def _routing(self) -> dict[str, Any]:
        ratios, by_cpu, added = self.ratios(), self.cpu_ratios(), self.added()
        return {
            name: {
                "records_per_s": spread([drain.rate for drain in drains]).as_json(),
                "ratio": ratios[name].as_json(),
                "cpu_ratio": by_cpu.get(name),
                "score_us": self.score_us.get(name),
                "added": added.get(name),
                "target": routing_target(name),
            }
            for name, drains in self.drains.items()
        }


def routing_target(name: str) -> float | None:
    """The most that a plan shall add, None where none is set."""
    return None if name in (CHAMPION, *UNTARGETED) else ROUTING_ADDED


@dataclass(frozen=True, slots=True)
class Pauses:
    """Of one stream, in milliseconds: the longest times without a result, and from receipt to scoring, in windows that
    began with a switch and in those that did not."""

    switching: Spread
    calm: Spread
    latency: Spread
    calm_latency: Spread


def pauses(each: Switches) -> Pauses:
    def of(what: str, *, switched: bool) -> Spread:
        return spread([getattr(window, what) for window in each.windows if window.switched is switched])

    return Pauses(
        of("gap_ms", switched=True),
        of("gap_ms", switched=False),
        of("latency_ms", switched=True),
        of("latency_ms", switched=False),
    )


def pause_batches(each: Switches) -> float:
    """The longest pause around a switch in full batches' times."""
    return pauses(each).switching.most / each.batch_ms


def _switch(each: Switches) -> Mapping[str, Any]:
    found = pauses(each)
    return {
        "switches": sum(window.switched for window in each.windows),
        "followed": each.followed,
        "gap_ms": {"switching": found.switching.as_json(), "calm": found.calm.as_json()},
        "latency_ms": {"switching": found.latency.as_json(), "calm": found.calm_latency.as_json()},
        "full_batch_ms": round(each.batch_ms, 2),
        "longest_in_batches": round(pause_batches(each), 3),
        "target_below": PAUSE_BATCHES,
    }


def _trips(trips: Sequence[Trips]) -> Mapping[str, Any]:
    return {
        "p50_ms": spread([each.p50 for each in trips]).as_json(),
        "p99_ms": spread([each.p99 for each in trips]).as_json(),
        "copies_answered": sum(each.copies for each in trips),
    }
