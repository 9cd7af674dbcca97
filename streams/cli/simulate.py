"""`weir simulate`: customers as requests, for `weir produce`, with a drift where one is wanted."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import click
import orjson

from models.churn import CHURN
from models.shifted import Shift, drifting_customers
from models.tabular import rows_of

CHUNK = 5000


@click.command()
@click.option("--rows", type=click.IntRange(min=1), default=1000, show_default=True, help="Requests to make.")
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Same seed, same requests.")
@click.option("--drift", metavar="FEATURE", help="Feature that drifts.")
@click.option("--shift", type=float, default=1.0, show_default=True, help="By how many standard deviations.")
@click.option("--at", type=click.IntRange(min=0), help="Rows before the drift; half of them unless given.")
@click.option("--model", help="Model asked for; none is named unless given.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; standard output otherwise."
)
def simulate(
    rows: int, seed: int, drift: str | None, shift: float, at: int | None, model: str | None, out: Path | None
) -> None:
    """Print requests of simulated shop customers, one JSON line each, as `weir produce -` takes them."""
    if drift is None and at is not None:
        raise click.UsageError("--at says when a drift begins: name its feature with --drift")
    if at is not None and at >= rows:
        raise click.UsageError(f"--at {at}: there are only {rows} rows, make more with --rows")
    drifting = None if drift is None else Shift(drift, shift, rows // 2 if at is None else at)
    lines = simulated(rows, seed, drifting, model)
    with cast(BinaryIO, click.open_file("-" if out is None else str(out), "wb")) as file:
        file.writelines(lines)


def simulated(rows: int, seed: int, shift: Shift | None, model: str | None = None) -> Iterator[bytes]:
    """The requests as lines of JSON, each of a customer of its own."""
    frame = drifting_customers(rows, seed, shift)
    named = {} if model is None else {"model": model}
    for start in range(0, rows, CHUNK):
        for number, features in enumerate(rows_of(frame.iloc[start : start + CHUNK], CHURN), start + 1):
            request = {"entity": f"customer-{number}", **named, "features": features}
            yield orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE)
