"""What was measured, gathered over the repeats and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.admission import Round, undisturbed
from tests.bench.callers import Loops
from tests.bench.drain import FAUST, FLEET, LOOP, STOCK, Drain
from tests.bench.drift_results import DriftResults
from tests.bench.learning_results import LearningResults
from tests.bench.memory import Sample
from tests.bench.routing_results import RoutingResults
from tests.bench.spread import Spread, spread

RATIOS = {
    "weir / stock Faust": (FAUST, STOCK, 20.0),
    "weir / bare loop": (FAUST, LOOP, 0.25),
    "weir, a process per core / stock Faust": (FLEET, STOCK, 20.0),
}
"""Name -> who is held against whom, and the least that the ratio shall be."""
ADMISSION: Mapping[str, int | None] = {"limiter": 100_000, "stage": 60_000, "singly": None}
"""Decisions a second on one core, at least: by the limiter alone, and by the whole admit stage, signatures checked;
where each part of it waits for Redis, no more is asked than that one may see it."""
SINK_PER_S = 20_000
"""Rows a second of the sink's own core, at least; broker and Postgres have another."""
FLAT = 1.10


@dataclass
class Results:
    """Everything, as it comes."""

    drains: dict[str, list[Drain]] = field(default_factory=dict)
    sink: list[Drain] = field(default_factory=list)
    learning: LearningResults = field(default_factory=LearningResults)
    loops: dict[tuple[str, int], list[Loops]] = field(default_factory=dict)
    memory: list[Sample] = field(default_factory=list)
    admission: list[Round] = field(default_factory=list)
    routed: RoutingResults = field(default_factory=RoutingResults)
    drift: DriftResults = field(default_factory=DriftResults)

    def ratios(self) -> dict[str, Spread]:
        """Ratios of drain rates, each taken within one repeat."""
        pairs = {
            name: zip(self.drains.get(one, []), self.drains.get(other, []), strict=False)
            for name, (one, other, _) in RATIOS.items()
        }
        found = {name: [mine.rate / theirs.rate for mine, theirs in pair] for name, pair in pairs.items()}
        return {name: spread(values) for name, values in found.items() if values}

    def cpu_ratios(self) -> dict[str, float]:
        """The same ratios by the processes' own processor time: what a busy machine leaves undisturbed."""
        used = {name: cpu_us(drains) for name, drains in self.drains.items()}
        pairs = {name: (used.get(one), used.get(other)) for name, (one, other, _) in RATIOS.items()}
        return {name: theirs / ours for name, (ours, theirs) in pairs.items() if ours and theirs}

    def admission_rates(self) -> dict[str, Spread]:
        """Decisions a second, of the limiter and of the stage, in the rounds that nothing disturbed."""
        return _rates(undisturbed(self.admission))

    def admission_rates_of_all(self) -> dict[str, Spread]:
        """The same over all rounds."""
        return _rates(self.admission)

    def growth(self) -> dict[str, float]:
        """Process -> resident memory at the end over that after the first tenth."""
        if not self.memory:
            return {}
        first, last = self.memory[0].resident, self.memory[-1].resident
        return {name: last[name] / first[name] for name in first}

    def as_json(self) -> dict[str, Any]:
        return {
            "drain": {name: _drains(drains) for name, drains in self.drains.items()},
            "ratios": {name: {**found.as_json(), "target": RATIOS[name][2]} for name, found in self.ratios().items()},
            "sink": _sink(self.sink) if self.sink else {},
            **self.learning.as_json(),
            "roundtrip": [
                {"via": via, "callers": callers, **_loops(loops)} for (via, callers), loops in self.loops.items()
            ],
            "admission": self._admission(),
            "memory": {
                "samples": [{"requests": one.requests, "resident_mib": dict(one.resident)} for one in self.memory],
                "growth": self.growth(),
                "flat_below": FLAT,
            },
            **self.routed.as_json(),
            "drift": self.drift.as_json(),
        }

    def _admission(self) -> dict[str, Any]:
        every = self.admission_rates_of_all()
        return {
            name: {**found.as_json(), "target": ADMISSION[name], "all_rounds": every[name].as_json()}
            for name, found in self.admission_rates().items()
        }


def _rates(rounds: Sequence[Round]) -> dict[str, Spread]:
    found = {name: [one.rate for one in rounds if one.what == name] for name in ADMISSION}
    return {name: spread(rates) for name, rates in found.items() if rates}


def cpu_us(drains: Sequence[Drain]) -> float | None:
    """Median of the processor time for a record, in microseconds."""
    known = [drain.cpu_us for drain in drains if drain.cpu_us is not None]
    return median(known) if known else None


def _drains(drains: Sequence[Drain]) -> dict[str, Any]:
    rates = spread([drain.rate for drain in drains])
    return {"records": drains[-1].records, "records_per_s": rates.as_json(), "cpu_us_per_record": cpu_us(drains)}


def _sink(drains: Sequence[Drain]) -> dict[str, Any]:
    """Of what each was alone in the first batch no processor time is known."""
    used = cpu_us(drains)
    per_core = None if not used else round(1e6 / used)
    rates = spread([drain.rate for drain in drains])
    return {"rows_per_s": rates.as_json(), "rows_per_s_of_its_core": per_core, "target": SINK_PER_S}


def _loops(loops: Sequence[Loops]) -> dict[str, Any]:
    return {name: spread([getattr(one, name) for one in loops]).as_json() for name in ("p50", "p95", "p99", "rate")}
