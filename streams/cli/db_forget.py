"""`weir db forget`: what is stored of an entity goes, for good."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table
from sqlalchemy import Engine

from infra.acting_user import acting_user
from infra.database.forget import Forgotten, count_rows_of, forget
from infra.kafka import client_options, publish
from infra.key_arguments import check_reason
from infra.key_store import HEADERS
from schemas.errors import Unavailable
from schemas.events import AuditEvent, entity_forgotten
from schemas.pseudonym import pseudonym
from streams import topics
from streams.cli.database import bar, opened, print_rows
from streams.cli.giving import reached
from streams.cli.key_output import json_option, reason_option
from streams.settings import Settings

OUT_OF_REACH = (
    topics.PREDICTION_REQUESTS, topics.PREDICTION_RESULTS, topics.PREDICTION_REPLIES, topics.SHADOW_REQUESTS,
    topics.SHADOW_RESULTS, topics.FEEDBACK, topics.LABELLED_PREDICTIONS, topics.OUTLIER_EVENTS, topics.DEAD_LETTERS,
)  # fmt: skip
"""Topics whose records name entities or their requests."""

WHAT_STAYS = (
    "Records on these topics cannot be removed one by one: each stays for as long as its topic keeps it, and until\n"
    "its segment is full or old. What comes of the entity from now on is stored again, so end its requests first, and\n"
    "run this again once the sinks' lag is 0. Backups and logs keep what they have, models what they learnt."
)


@click.command(name="forget")
@click.option("--entity", required=True, help="Whose rows.")
@click.option("--model", help="Only rows of this model.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reason_option
@json_option
def forget_(entity: str, model: str | None, dry_run: bool, yes: bool, reason: str | None, as_json: bool) -> None:
    """Remove what the database holds of an entity: answers, features, labels, copies, outliers.

    One event on the topic audit-events tells that it was done, with a pseudonym in place of the entity. What was
    counted of it for routes stays counted.
    """
    whose = Forgotten(_checked("--entity", entity), model and _checked("--model", model))
    reason = reason and _unnamed(check_reason(reason), entity)
    settings = reached()
    name = pseudonym(entity, settings.weir_master_secret.get_secret_value())
    with opened(settings) as engine:
        rows = count_rows_of(engine, whose)
        total = sum(rows.values())
        if total and not dry_run:
            if not yes:
                click.confirm(f"Remove {total} rows of this entity for good?", abort=True, err=True)
            event = entity_forgotten(name, rows, model=model, actor=acting_user(), at=datetime.now(UTC), reason=reason)
            rows = _forget(engine, whose, total, settings, event)
    told = {"pseudonym": name, "model": model, "dry_run": dry_run, "rows": rows}
    if as_json:
        click.echo(json.dumps({**told, "out_of_reach": _kept(settings)}))
    else:
        _print(told, _kept(settings))


def _forget(engine: Engine, whose: Forgotten, total: int, settings: Settings, event: AuditEvent) -> dict[str, int]:
    """Told before it is done, as changes of keys are: an event without its change was not carried out."""
    record = (event.actor.encode(), event.model_dump_json().encode(), HEADERS)
    publish(client_options(settings), settings.topic(topics.AUDIT_EVENTS.name), [record])
    try:
        with bar("forgetting", total) as progressed:
            return forget(engine, whose, progressed)
    except (Unavailable, KeyboardInterrupt) as error:
        why = str(error) or "interrupted"
        raise click.ClickException(f"{why}: some rows may be removed and some not, run it again") from error


def _checked(option: str, text: str) -> str:
    """Any text may be stored as an entity, as refusals tell of whom whatever came as a record's key."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{option} must be UTF-8") from None
    if not text:
        raise click.UsageError(f"{option} must not be empty")
    return text


def _unnamed(reason: str, entity: str) -> str:
    if re.search(rf"(?<!\w){re.escape(entity)}(?!\w)", reason, re.IGNORECASE):
        raise click.UsageError("--reason must not name the entity: the event stays on audit-events")
    return reason


def _kept(settings: Settings) -> Mapping[str, float]:
    """Topic -> for how many days it keeps its records, as it is declared."""
    return {settings.topic(topic.name): round((topic.retention_ms or 0) / topics.DAY_MS, 3) for topic in OUT_OF_REACH}


def _print(told: Mapping[str, Any], kept: Mapping[str, float]) -> None:
    print_rows("what would be removed" if told["dry_run"] else "removed", told["rows"])
    table = Table(
        Column("topic", no_wrap=True), Column("days", justify="right"), title="out of reach", title_justify="left"
    )
    for name, days in kept.items():
        table.add_row(name, f"{days:g}")
    Console().print(table)
    click.echo(WHAT_STAYS)
    click.echo(f"The entity's pseudonym on audit-events: {told['pseudonym']}")
