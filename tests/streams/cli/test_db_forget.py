"""`weir db forget`: asks, tells the audit, removes, and says what it cannot reach."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from infra.database import create_db_engine, init_db
from streams.cli import weir
from tests.infra.database.rows import stored
from tests.streams.cli.key_verbs import Environ, events

ANSWER = text(
    """
    INSERT INTO prediction_feedback (request_id, status, entity, model, model_version, arm, route_epoch, features,
        predicted_probability, latency_ms, requested_at, scored_at)
    VALUES ('r-' || md5(:entity), 'ok', :entity, 'm', 'v1', 'champion', 1, '{}', 0.5, 1, now(), now())
    """
)


@pytest.fixture(autouse=True)
def rows(environ: Environ, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    engine = create_db_engine(database_url)
    init_db(engine)
    with engine.begin() as connection:
        connection.execute(ANSWER, [{"entity": "kept"}, {"entity": "c-42"}])
    engine.dispose()


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(weir, ["db", "forget", "--entity", "c-42", *arguments], input=given)


def left(database_url: str) -> list[Any]:
    engine = create_db_engine(database_url)
    try:
        return stored(engine, "SELECT entity FROM prediction_feedback ORDER BY entity")
    finally:
        engine.dispose()


def test_what_was_removed_is_told_to_the_audit_without_the_entity(environ: Environ, database_url: str) -> None:
    ended = run("--yes", "--json", "--reason", "asked for it")
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert (told["rows"]["prediction_feedback"], told["rows"]["arm_entities"]) == (1, 1)
    assert told["out_of_reach"][environ["TOPIC_PREFIX"] + "feedback"] == 30
    assert left(database_url) == ["kept"]
    (event,) = events(environ)
    assert (event.action, event.target, event.reason) == ("entity_forgotten", told["pseudonym"], "asked for it")
    assert event.details == {"model": None, "rows": told["rows"]}
    assert "c-42" not in event.model_dump_json()
    again = json.loads(run("--yes", "--json").stdout)
    assert (sum(again["rows"].values()), again["pseudonym"]) == (0, told["pseudonym"])
    assert len(events(environ)) == 1, "nothing was there to remove"


@pytest.mark.parametrize(("arguments", "given", "code"), [(("--dry-run",), None, 0), ((), "n\n", 1), ((), None, 1)])
def test_nothing_goes_in_a_dry_run_or_without_a_yes(
    environ: Environ, database_url: str, arguments: tuple[str, ...], given: str | None, code: int
) -> None:
    ended = run(*arguments, given=given)
    assert ended.exit_code == code, ended.output
    assert left(database_url) == ["c-42", "kept"]
    assert events(environ) == []
    if code == 0:
        assert "what would be removed" in ended.stdout
        assert "prediction-requests" in ended.stdout
    else:
        assert "Remove 2 rows" in ended.output


def test_a_yes_at_the_prompt_removes(database_url: str) -> None:
    assert run(given="y\n").exit_code == 0
    assert left(database_url) == ["kept"]


def test_nothing_goes_that_the_audit_was_not_told_of(
    environ: Environ, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert run("--yes").exit_code == 1
    assert left(database_url) == ["c-42", "kept"]


@pytest.mark.parametrize("reason", ["asked by c-42", "C-42: GDPR"])
def test_a_reason_that_names_the_entity_is_refused(environ: Environ, database_url: str, reason: str) -> None:
    ended = run("--yes", "--reason", reason)
    assert ended.exit_code == 2
    assert "--reason must not name the entity" in ended.output
    assert left(database_url) == ["c-42", "kept"]
    assert events(environ) == []
    assert run("--yes", "--reason", "ticket c-4211").exit_code == 0


@pytest.mark.parametrize(("entity", "says"), [("", "must not be empty"), ("c-\udcff", "must be UTF-8")])
def test_an_entity_that_cannot_be_one_is_refused(entity: str, says: str) -> None:
    ended = CliRunner().invoke(weir, ["db", "forget", "--entity", entity, "--yes"])
    assert ended.exit_code == 2
    assert f"--entity {says}" in ended.output


@pytest.mark.parametrize("entity", ["c\u00a042", "\u200bc", "c-\x1b[2J", "[bold]", "c'; --", "\u0416" * 256])
def test_whatever_was_stored_as_an_entity_can_be_named(database_url: str, entity: str) -> None:
    engine = create_db_engine(database_url)
    with engine.begin() as connection:
        connection.execute(ANSWER.bindparams(entity=entity))
    engine.dispose()
    ended = CliRunner().invoke(weir, ["db", "forget", "--entity", entity, "--yes"])
    assert ended.exit_code == 0, ended.output
    assert "\x1b" not in ended.output
    assert left(database_url) == ["c-42", "kept"]
