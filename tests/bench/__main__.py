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
from tests.bench.machine import machine
from tests.bench.measures import measure
from tests.bench.options import PARTS, QUICK, Options
from tests.bench.place import Report, measuring
from tests.bench.results import Results
from tests.bench.tables import line, tables

NOT_MEASURABLE = 2
WIDTH = 100


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
@whole("--labels", "Joined with their predictions, in each order.")
@whole("--retraining-rows", "That one retraining learns from.")
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
