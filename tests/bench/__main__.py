"""`python -m tests.bench`: speed and memory, as ratios measured in one run. Nothing is asserted."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import click
import orjson
from rich.console import Console

from models.pipelines import ALGORITHMS
from schemas.errors import BadSettings, WeirError
from tests.bench.admission import admission
from tests.bench.drain import drains
from tests.bench.drift_results import DriftResults, shown_drift
from tests.bench.machine import machine
from tests.bench.memory import memory
from tests.bench.monitoring import measured
from tests.bench.options import PARTS, QUICK, Options
from tests.bench.place import Place, Report, measuring
from tests.bench.results import Results
from tests.bench.roundtrip import roundtrips
from tests.bench.routed import routed
from tests.bench.routing import routings, score_us
from tests.bench.routing_results import RoutingResults, pause_batches
from tests.bench.shadowing import shadowings
from tests.bench.sink import sink_rate
from tests.bench.switching import switches
from tests.bench.tables import line, tables

NOT_MEASURABLE = 2
WIDTH = 100


def measure_drains(place: Place, options: Options, results: Results, turn: int) -> None:
    """One turn: the contenders, and the sink on what the pipeline made."""
    lane = place.lane()
    shown = f"{turn + 1}/{options.repeats}"
    for name, drain in drains(place, lane, options, turn):
        results.drains.setdefault(name, []).append(drain)
        place.report(f"drain {shown}: {name} {drain.rate:,.0f} records/s")
    if "sink" in options.parts:
        results.sink.append(sink_rate(place, lane, options.requests))
        place.report(f"sink {shown}: {results.sink[-1]:,.0f} rows/s")


def measure_admission(place: Place, options: Options, results: Results) -> None:
    for turn in range(options.repeats):
        rounds = admission(place.stack.environment["REDIS_URL"], options.admission_batches)
        results.admission += rounds
        fastest = {what: max(one.rate for one in rounds if one.what == what) for what in ("limiter", "stage")}
        shown = "at most {limiter:,.0f}/s by the limiter alone, {stage:,.0f}/s by the admit stage".format(**fastest)
        place.report(f"admission {turn + 1}/{options.repeats}: {shown}")


def measure_roundtrips(place: Place, options: Options, results: Results) -> None:
    for way, callers, loops in roundtrips(place, options):
        results.loops.setdefault((way, callers), []).append(loops)
        place.report(f"round trip over {way}, {callers} callers: p50 {loops.p50:.1f} ms, {loops.rate:,.0f}/s")


def measure_memory(place: Place, options: Options, results: Results) -> None:
    for sample in memory(place, options):
        results.memory.append(sample)
        resident = ", ".join(f"{name} {mib:.0f}" for name, mib in sample.resident.items())
        place.report(f"memory after {sample.requests:,}: {resident} MiB")


def measure_routed(place: Place, options: Options, results: RoutingResults) -> None:
    """Shadows first: their agent would begin with the copies that drains leave."""
    with routed(place, options) as scorer:
        if "shadow" in options.parts:
            for name, trips in shadowings(place, scorer, options):
                results.trips.setdefault(name, []).append(trips)
                place.report(f"{name}: p50 {trips.p50:.1f} ms, p99 {trips.p99:.1f} ms")
        if "switch" in options.parts:
            for each in switches(scorer, options):
                results.switches.append(each)
                place.report(f"switch, {each.kind}: at most {pause_batches(each):.2f} full batches' time")
        if "routing" in options.parts:
            results.score_us |= score_us(scorer.lane.settings.model_store)
            for name, drain in routings(scorer, options):
                results.drains.setdefault(name, []).append(drain)
                place.report(f"routing: {name} {drain.rate:,.0f} records/s")


def measure_drift(place: Place, options: Options, results: DriftResults) -> None:
    for what, value in measured(place.store, options):
        results.add(what, value)
        place.report(f"drift: {shown_drift(what, value)}")


def measure(place: Place, options: Options, results: Results) -> None:
    parts = set(options.parts)
    place.train(options.model)
    if parts & {"drain", "sink"}:
        for turn in range(options.repeats):
            measure_drains(place, options, results, turn)
    if "roundtrip" in parts:
        measure_roundtrips(place, options, results)
    if "admission" in parts:
        measure_admission(place, options, results)
    if "memory" in parts:
        measure_memory(place, options, results)
    if "drift" in parts:
        measure_drift(place, options, results.drift)
    if parts & {"routing", "switch", "shadow"}:
        measure_routed(place, options, results.routed)


def reporter(console: Console) -> Report:
    began = monotonic()

    def report(text: str) -> None:
        console.print(f"[dim]{monotonic() - began:6.1f} s[/dim]  {text}", highlight=False, soft_wrap=True)

    return report


def chosen(quick: bool, only: str | None, given: dict[str, Any]) -> Options:
    """The options of the command line over their defaults."""
    base = QUICK if quick else Options()
    parts = tuple(part.strip() for part in only.split(",")) if only else PARTS
    if strange := set(parts) - set(PARTS):
        raise click.BadParameter(f"unknown: {', '.join(sorted(strange))}; known are {', '.join(PARTS)}")
    return replace(base, parts=parts, **{name: value for name, value in given.items() if value is not None})


def whole(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=click.IntRange(min=1), help=text)


@click.command()
@click.option("--quick", is_flag=True, help="A tenth of everything.")
@click.option("--only", help=f"Some of {','.join(PARTS)}, comma-separated.")
@click.option("--model", type=click.Choice(sorted(ALGORITHMS)), help="What scores; logistic_regression by default.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here.")
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), help="Of each closed loop, and of each time beside a shadow."
)
@whole("--repeats", "Turns; medians are shown.")
@whole("--requests", "In a drain through the pipeline.")
@whole("--stock-records", "In a drain of the stock Faust agent.")
@whole("--loop-records", "In a drain of the bare loop, which reads the requests again and again.")
@whole("--admission-batches", "Of 500 records, through the admit stage.")
@whole("--memory-records", "Requests between the looks at memory.")
@whole("--memory-looks", "At memory.")
@whole("--routing-records", "In a drain under one route.")
@whole("--routing-rounds", "Drains under each route.")
@whole("--switches", "Of each kind.")
@whole("--forest-rows", "What the large model of the switches is trained on.")
@whole("--shadow-rounds", "Pairs of times without and with a shadow.")
@whole("--shadow-rate", "Requests a second beside a shadow.")
@whole("--drift-rows", "Through the monitor's stages.")
@whole("--thousand-rows", "Of 1000 features each, through the monitor's stages.")
@whole("--drift-seeds", "Onsets of a drift.")
@click.option(
    "--shadow-warm-up", type=click.FloatRange(min=0.1), help="Seconds at that rate before: a young broker compiles."
)
def bench(quick: bool, only: str | None, json_file: Path | None, **given: Any) -> None:
    """Measure Weir on a real broker, beside a stock Faust agent and a bare loop on the same records."""
    options = chosen(quick, only, given)
    report = reporter(Console(stderr=True))
    results = Results()
    try:
        with measuring(report) as place:
            facts = machine(place.stack)
            measure(place, options, results)
    except BadSettings as error:
        click.echo(f"nothing was measured: {error}", err=True)
        sys.exit(NOT_MEASURABLE)
    except WeirError as error:
        click.echo(f"the measurement broke off: {error}", err=True)
        sys.exit(1)
    finally:
        shown = Console()
        shown.width = max(shown.width, WIDTH)
        shown.print(*tables(results))
    shown.print(f"[dim]{line(facts)}; {options.model}; medians of {options.repeats}[/dim]", highlight=False)
    if json_file is not None:
        whole_run = {"machine": facts, "options": options.as_json(), **results.as_json()}
        json_file.write_bytes(orjson.dumps(whole_run, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    bench(prog_name="make bench ARGS=...")
