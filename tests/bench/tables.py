"""The results as tables."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Column, Table

from tests.bench.admission import undisturbed
from tests.bench.drain import FAUST, Drain
from tests.bench.drift_results import drift_tables
from tests.bench.learning_results import learning_tables
from tests.bench.results import ADMISSION, FLAT, RATIOS, SINK_PER_S, Results, cpu_us
from tests.bench.routing_tables import routing_tables
from tests.bench.spread import spread


def tables(results: Results) -> Iterator[Table]:
    """A table for each part that was measured."""
    if results.drains:
        yield _drains(results)
        yield _ratios(results)
    if results.sink:
        yield _sink(results.sink)
    yield from learning_tables(results.learning)
    if results.loops:
        yield _loops(results)
    if results.admission:
        yield _admission(results)
    if results.memory:
        yield _memory(results)
    yield from routing_tables(results.routed)
    yield from drift_tables(results.drift)


def line(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _drains(results: Results) -> Table:
    table = Table("drain", *_right("records", "records/s", "least - most", "CPU µs/record", f"of {FAUST}"))
    ours = results.drains.get(FAUST)
    for name, drains in results.drains.items():
        rates, cpu = spread([drain.rate for drain in drains]), cpu_us(drains)
        share = rates.median / spread([drain.rate for drain in ours]).median if ours else None
        table.add_row(
            name,
            f"{drains[-1].records:,}",
            f"{rates.median:,.0f}",
            f"{rates.least:,.0f} - {rates.most:,.0f}",
            "" if cpu is None else f"{cpu:,.0f}",
            "" if share is None else f"{share:.2f}",
        )
    return table


def _ratios(results: Results) -> Table:
    table = Table("ratio of drain rates", *_right("median", "least - most", "target", "by CPU time"))
    by_cpu = results.cpu_ratios()
    for name, found in results.ratios().items():
        cpu = f"{by_cpu[name]:.2f}" if name in by_cpu else ""
        spread_shown = f"{found.least:.2f} - {found.most:.2f}"
        table.add_row(name, f"{found.median:.2f}", spread_shown, f">= {RATIOS[name][2]:g}", cpu)
    return table


def _sink(drains: Sequence[Drain]) -> Table:
    table = Table(
        "sink: rows and positions", *_right("rows/s of its own core", "target", "by the clock", "least - most")
    )
    rates, used = spread([drain.rate for drain in drains]), cpu_us(drains)
    table.add_row(
        "results into Postgres",
        "" if not used else f"{1e6 / used:,.0f}",
        f">= {SINK_PER_S:,}",
        f"{rates.median:,.0f}",
        f"{rates.least:,.0f} - {rates.most:,.0f}",
    )
    return table


def _loops(results: Results) -> Table:
    table = Table("round trip", *_right("callers", "p50 ms", "p95 ms", "p99 ms", "requests/s", "least - most"))
    for (way, callers), loops in results.loops.items():
        times = [spread([getattr(one, name) for one in loops]).median for name in ("p50", "p95", "p99")]
        rates = spread([one.rate for one in loops])
        shown = [f"{value:.1f}" for value in times]
        table.add_row(
            f"over {way}", str(callers), *shown, f"{rates.median:,.0f}", f"{rates.least:,.0f} - {rates.most:,.0f}"
        )
    return table


def _admission(results: Results) -> Table:
    quiet = undisturbed(results.admission)
    title = f"admission, one core: {len(quiet)} of {len(results.admission)} rounds undisturbed"
    table = Table(title, *_right("decisions/s", "least - most", "in all rounds", "target"))
    shown = {
        "limiter": "the limiter alone",
        "stage": "with every signature checked",
        "singly": "the same, each part waiting for Redis",
    }
    every = results.admission_rates_of_all()
    for name, rates in results.admission_rates().items():
        least_most, target = f"{rates.least:,.0f} - {rates.most:,.0f}", ADMISSION[name]
        goal = "" if target is None else f">= {target:,}"
        table.add_row(shown[name], f"{rates.median:,.0f}", least_most, f"{every[name].median:,.0f}", goal)
    return table


def _memory(results: Results) -> Table:
    first, last, growth = results.memory[0], results.memory[-1], results.growth()
    named = _right(f"after {first.requests:,}", f"after {last.requests:,}", "most", "growth", "target")
    table = Table("resident memory, MiB", *named)
    for name in first.resident:
        table.add_row(
            name,
            f"{first.resident[name]:.0f}",
            f"{last.resident[name]:.0f}",
            f"{max(sample.resident[name] for sample in results.memory):.0f}",
            f"{growth[name] - 1:+.1%}",
            "" if name == "redis" else f"<= {FLAT - 1:+.0%}",
        )
    return table
