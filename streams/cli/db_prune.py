"""`weir db prune`: rows that are old go."""

import json
from datetime import UTC, datetime, timedelta

import click

from infra.database.prune import count_old, prune
from schemas.errors import Unavailable
from streams.cli.database import bar, opened, print_rows
from streams.cli.key_output import json_option
from streams.cli.moment import Moment
from streams.topics import PREDICTION_RESULTS

LEAST_AGE = 2 * timedelta(milliseconds=PREDICTION_RESULTS.retention_ms or 0)
"""A topic keeps what has not filled a segment for up to as long again."""


@click.command(name="prune")
@click.option(
    "--older-than",
    "before",
    type=Moment(),
    required=True,
    help=f"An age, 90d; at least {LEAST_AGE.days}d. Or RFC 3339.",
)
@click.option("--dry-run", is_flag=True, help="Only count them.")
@json_option
def prune_(before: datetime, dry_run: bool, as_json: bool) -> None:
    """Remove old rows: answers and their labels, copies, outliers, windows, drifts and retraining jobs that are over.

    Routes' evidence, keys, truths that are still to be told and a model's last completed job stay. May be run while the
    platform runs.
    """
    if before > datetime.now(UTC) - LEAST_AGE:
        raise click.UsageError(
            f"--older-than: at least {LEAST_AGE.days}d, as long as {PREDICTION_RESULTS.name} may keep an answer: "
            "one that is read again would be counted again"
        )
    with opened() as engine:
        rows = count_old(engine, before)
        if not dry_run:
            try:
                with bar("pruning", sum(rows.values())) as progressed:
                    rows = prune(engine, before, progressed)
            except (Unavailable, KeyboardInterrupt) as error:
                why = str(error) or "interrupted"
                raise click.ClickException(f"{why}: run it again for what is left") from error
    if as_json:
        click.echo(json.dumps({"before": before.isoformat(), "dry_run": dry_run, "rows": rows}))
    else:
        since = before.isoformat(timespec="seconds")
        print_rows(f"{'would be removed' if dry_run else 'removed'}: rows from before {since}", rows)
