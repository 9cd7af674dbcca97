"""`weir retrain`: a new model from labelled predictions, held against the champion."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console

from agents.retrain import Asked, Ended, Retrainer
from infra.acting_user import acting_user
from infra.database.jobs import Jobs
from models.pipelines import ALGORITHMS
from models.retraining import STEPS, Order
from schemas.retraining import Trigger, encode_job
from streams.cli.database import opened
from streams.cli.ending import interruptible
from streams.cli.giving import reached
from streams.cli.key_output import json_option
from streams.cli.quiet import tell_once
from streams.cli.steps import followed_steps
from streams.model_card.page import page
from streams.retraining import Place, PlatformDesk

HTML = click.Path(dir_okay=False, writable=True, path_type=Path)


def _in_a_folder(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Raises BadParameter, before anything is learned, for a file that could not be written then."""
    if path is not None and not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise click.BadParameter(f"{path.parent} is no folder that can be written to", param=option)
    return path


@click.command()
@click.option("--model", required=True, help="Model to retrain; it needs a route.")
@click.option("--reason", default="asked for", help="Why, as the job and the audit event say it.")
@click.option("--days-back", type=click.IntRange(min=1), default=90, show_default=True, help="Age of rows at most.")
@click.option("--min-samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Rows at least.")
@click.option("--least-f1", type=click.FloatRange(0, 1), default=0.85, show_default=True, help="Of the gate.")
@click.option("--algorithm", "algorithms", type=click.Choice(list(ALGORITHMS)), multiple=True, help="All unless given.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same rows and seed, same model.")
@click.option("--as", "place", type=click.Choice(get_args(Place)), default="challenger", show_default=True)
@click.option("--again", is_flag=True, help="Though no label has come since the last time.")
@click.option("--trigger", type=click.Choice(get_args(Trigger)), default="manual", hidden=True)
@click.option("--cool-down", type=click.FloatRange(min=0), default=0.0, hidden=True, help="Of a trainer, in seconds.")
@click.option("--card", type=HTML, callback=_in_a_folder, help="HTML file for the model card.")
@json_option
@click.pass_context
def retrain(ctx: click.Context, /, place: Place, card: Path | None, as_json: bool, **options: Any) -> None:
    """Learn from labelled predictions; a better model enters beside the champion, and answers nobody.

    The gate: an F1 of --least-f1 or more on the latest fifth of the rows, and above the champion's. Exit code 1 where
    the job failed or was skipped, 3 where the candidate did not pass.
    """
    tell_once()
    settings, console = reached(), Console(stderr=True)
    with opened(settings) as engine, interruptible(), followed_steps(len(STEPS), console) as progress:
        retrainer = Retrainer(Jobs(engine), PlatformDesk(settings, engine, place), lambda: datetime.now(UTC))
        ended = retrainer(_asked(options), progress)
    click.echo(encode_job(ended.job) if as_json else _in_words(ended))
    if card is not None and ended.made is not None:
        card.write_text(page(ended.made.report), encoding="utf-8")
    if ended.job.state != "completed":
        ctx.exit(1)
    if not (ended.job.result or {})["passed"]:
        ctx.exit(3)


def _asked(options: dict[str, Any]) -> Asked:
    algorithms = options["algorithms"] or tuple(ALGORITHMS)
    return Asked(
        model=options["model"],
        trigger=options["trigger"],
        reason=options["reason"],
        requested_by=acting_user() if options["trigger"] == "manual" else "trainer",
        days_back=options["days_back"],
        least_rows=options["min_samples"],
        cool_down=timedelta(seconds=options["cool_down"]),
        again=options["again"],
        order=Order(least_f1=options["least_f1"], algorithms=algorithms, seed=options["seed"]),
    )


def _in_words(ended: Ended) -> str:
    job = ended.job
    if job.state != "completed" or job.result is None:
        return f"{job.state}: {job.error}"
    result, entered, figures = job.result, job.result.get("entered"), _figures(job.result, job.rows)
    if not result["passed"]:
        return f"not passed: {job.candidate_version} ({result['algorithm']}), {figures}: {'; '.join(result['reasons'])}"
    route = entered["route"] if entered else None
    where = f"{route['strategy']}, epoch {route['epoch']}" if route else f"in the store: {entered and entered['note']}"
    return f"passed: {job.candidate_version} ({result['algorithm']}), {figures}; {where}"


def _figures(result: Mapping[str, Any], rows: int | None) -> str:
    sure, unfit = result["sureness"], result["unfit"]
    (low, high), left_out = sure["gain"], f" ({unfit} break the signature)" if unfit else ""
    return (
        f"F1 {result['f1']:.4f}, the champion {result['champion_f1']:.4f}, on the latest {result['candidate']['rows']} "
        f"of {rows} rows{left_out}, {sure['positives']} of them positive; the difference is {low:.3f} to {high:.3f} "
        "with 95 % confidence"
    )
