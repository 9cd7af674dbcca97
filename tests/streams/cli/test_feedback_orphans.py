"""`weir feedback orphans`: what waits for its prediction, on a real database."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from infra.database import PostgresStore, create_db_engine, init_db
from schemas.stored import Position, ReceivedLabel
from streams.cli import weir
from tests.infra.database.rows import label

pytestmark = pytest.mark.contract("F1")


def waited(offset: int, days: int, source: str) -> ReceivedLabel:
    one = label(f"r-{offset}", 1, offset)
    feedback = one.feedback.model_copy(update={"source": source})
    return replace(one, feedback=feedback, received_at=datetime.now(UTC) - timedelta(days=days, minutes=1))


@pytest.fixture
async def waiting(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Sequence[ReceivedLabel]:
    """Labels that have waited for 0, 8 and 40 days."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "160")
    labels = [waited(0, 0, "crm"), waited(1, 8, "crm"), waited(2, 40, "[bold]\x1b")]
    engine = create_db_engine(database_url)
    try:
        init_db(engine)
        await PostgresStore(engine, {"feedback": "feedback"}).save_labels(labels, [Position("feedback", 0, 3)])
    finally:
        engine.dispose()
    return labels


def run(*arguments: str) -> Result:
    return CliRunner().invoke(weir, ["feedback", "orphans", *arguments])


def test_those_that_waited_a_week_are_counted_and_listed_unless_another_age_is_named(
    waiting: Sequence[ReceivedLabel],
) -> None:
    week, all_of_them = (json.loads(run("--json", *more).stdout) for more in ([], ["--older-than", "0s"]))
    assert (week["count"], week["ages"]["7d to 30d"], week["ages"]["30d and more"]) == (2, 1, 1)
    assert [one["request_id"] for one in week["oldest"]] == ["r-2", "r-1"]
    assert (all_of_them["count"], all_of_them["ages"]["under 1h"], all_of_them["sources"]["crm"]) == (3, 1, 2)


def test_people_are_shown_counts_and_the_oldest_and_nothing_that_a_terminal_obeys(
    waiting: Sequence[ReceivedLabel],
) -> None:
    shown = run("--limit", "1")
    assert shown.exit_code == 0
    assert "r-2" in shown.stdout
    assert "r-1" not in shown.stdout
    assert "source [bold]\ufffd" in shown.stdout


def test_where_none_waits_it_says_so(waiting: Sequence[ReceivedLabel]) -> None:
    shown = run("--older-than", "90d")
    assert (shown.exit_code, shown.stdout[:39]) == (0, "No label has waited for its prediction ")


@pytest.mark.parametrize("given", [["--older-than", "soon"], ["--limit", "1001"]])
def test_what_is_no_age_or_too_many_is_refused(given: list[str]) -> None:
    assert run(*given).exit_code == 2
