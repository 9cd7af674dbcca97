"""What was measured of routing, as tables."""

from collections.abc import Iterator

from rich.table import Column, Table

from tests.bench.routing_results import (
    PAUSE_BATCHES,
    SHADOW_RATIO,
    RoutingResults,
    pause_batches,
    pauses,
    routing_target,
)
from tests.bench.spread import Spread, spread


def routing_tables(results: RoutingResults) -> Iterator[Table]:
    """A table for each part that was measured."""
    if results.drains:
        yield _routing(results)
    if results.switches:
        yield _switches(results)
    if results.trips:
        yield _trips(results)
    if ratios := results.shadow_ratios():
        yield _shadow_ratios(ratios)


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _routing(results: RoutingResults) -> Table:
    columns = _right("records/s", "of champion", "least - most", "CPU time", "score us", "added", "target")
    table = Table("routing, a scorer drains", *columns)
    ratios, by_cpu, added = results.ratios(), results.cpu_ratios(), results.added()
    for name, drains in results.drains.items():
        found, target, us = ratios.get(name), routing_target(name), results.score_us.get(name)
        table.add_row(
            name,
            f"{spread([drain.rate for drain in drains]).median:,.0f}",
            f"{found.median:.3f}" if found else "",
            f"{found.least:.2f} - {found.most:.2f}" if found else "",
            f"{by_cpu[name]:.3f}" if name in by_cpu else "",
            "" if us is None else f"{us:.2f}",
            f"{added[name]:+.1%}" if name in added else "",
            "" if target is None else f"< {target:.0%}",
        )
    return table


def _switches(results: RoutingResults) -> Table:
    columns = _right("pause ms", "without", "wait ms", "without", "a batch", "of it", "target")
    count = sum(window.switched for window in results.switches[0].windows)
    table = Table(f"{count} switches, most (median)", *columns)
    for each in results.switches:
        found = pauses(each)
        shown = [_longest(one) for one in (found.switching, found.calm, found.latency, found.calm_latency)]
        batches, target = f"{pause_batches(each):.2f}", f"< {PAUSE_BATCHES:g}"
        table.add_row(each.kind, *shown, f"{each.batch_ms:.1f}", batches, target)
    return table


def _longest(found: Spread) -> str:
    return f"{found.most:.0f} ({found.median:.0f})"


def _trips(results: RoutingResults) -> Table:
    table = Table("round trip at a fixed rate", *_right("p50 ms", "p99 ms", "least - most", "copies answered"))
    for name, trips in results.trips.items():
        p50, p99 = (spread([getattr(each, what) for each in trips]) for what in ("p50", "p99"))
        copies = sum(each.copies for each in trips)
        table.add_row(
            name, f"{p50.median:.1f}", f"{p99.median:.1f}", f"{p99.least:.1f} - {p99.most:.1f}", f"{copies:,}"
        )
    return table


def _shadow_ratios(ratios: dict[str, Spread]) -> Table:
    table = Table("with a shadow / without", *_right("median", "least - most", "target"))
    for name, found in ratios.items():
        target = f"<= {SHADOW_RATIO:.2f}" if name == "p99" else ""
        table.add_row(name, f"{found.median:.2f}", f"{found.least:.2f} - {found.most:.2f}", target)
    return table
