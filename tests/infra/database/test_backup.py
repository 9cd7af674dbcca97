"""A backup restored elsewhere is the same database, and a restore destroys nothing that it cannot replace."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, text

from infra.database import PostgresStore, create_db_engine, init_db
from infra.database.backup import back_up, restore
from infra.database.labelled import Outbox
from infra.database.migrate import configuration
from schemas.drift_events import read_drift
from schemas.drift_windows import read_window
from schemas.errors import BadSettings, Unavailable
from schemas.outlier_events import read_outlier
from schemas.stored import Position
from tests.infra.database.digests import digests, schema, sequences
from tests.infra.database.recount import check
from tests.infra.database.rows import api_key, stored
from tests.infra.database.test_events import save as save_events
from tests.infra.database.told import outlier, step, window
from tests.infra.database.traffic import TOPICS, Delivery, batches, save, traffic

RENEWED = ("labelled_numbers", "labelled_outbox", "labelled_relay")


@pytest.fixture
def empty(new_database: Callable[[], str]) -> Iterator[Callable[[], Engine]]:
    """Makes engines of empty databases."""
    made: list[Engine] = []

    def make() -> Engine:
        made.append(create_db_engine(new_database()))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@pytest.fixture
def filled(empty: Callable[[], Engine]) -> Engine:
    """A migrated database with one key."""
    engine = empty()
    init_db(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO sink_offsets (log, partition, next_offset) VALUES ('a', 0, 7)"))
    return engine


def as_read(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Truths in the order that they have on their topic: one that repeats the one before it is kept nowhere."""
    truths = iter(
        sorted((each for each in deliveries if each.topic == "feedback"), key=lambda each: each.rows[0].offset)
    )
    return [next(truths) if each.topic == "feedback" else each for each in deliveries]


def of(engine: Engine) -> PostgresStore:
    return PostgresStore(engine, {topic: topic for topic in (*TOPICS, "keys")})


@pytest.mark.contract("F3")
async def test_what_is_restored_is_what_was_backed_up_and_goes_on_from_there(
    empty: Callable[[], Engine], filled: Engine, tmp_path: Path, seed: int
) -> None:
    chance, other, file = random.Random(seed), empty(), tmp_path / "weir.dump"
    deliveries = list(batches(chance, as_read(traffic(chance, "churn", 60))))
    for batch in deliveries:
        await save(of(filled), 0, batch)
    await of(filled).save_keys([api_key("a" * 11)], [], [Position("keys", 0, 1)])
    await save_events(filled, "told", read_drift, [step("e")])
    await save_events(filled, "told", read_window, [window("w")], 1)
    await save_events(filled, "told", read_outlier, [outlier("o")], 2)
    await Outbox(filled, "one").take(5)

    assert back_up(filled, file, os.environ).is_current
    assert restore(other, file, os.environ).is_current
    expected, found = digests(filled), digests(other)
    assert {table: digest for table, digest in found.items() if table not in RENEWED} == {
        table: digest for table, digest in expected.items() if table not in RENEWED
    }
    assert len(set(expected.values())) > 10, "the tables had something in them"
    assert schema(other) == schema(filled)
    assert sequences(other) == sequences(filled)

    for batch in deliveries:  # the sink reads all of it again
        await save(of(other), 0, batch)
    assert digests(other)["prediction_feedback"] == expected["prediction_feedback"]
    check(other, "churn", 3, 4)
    assert init_db(other).is_current


async def test_truths_that_are_told_after_a_restore_are_no_repetition(
    empty: Callable[[], Engine], filled: Engine, tmp_path: Path, seed: int
) -> None:
    chance, other = random.Random(seed), empty()
    for batch in batches(chance, traffic(chance, "churn", 30)):
        await save(of(filled), 0, batch)
    before = await Outbox(filled, "one").take(1000)
    back_up(filled, tmp_path / "b", os.environ)
    restore(other, tmp_path / "b", os.environ)
    after = await Outbox(other, "two").take(1000)
    assert [each.message for each in after] == [each.message for each in before]
    assert {each.series for each in after}.isdisjoint(each.series for each in before)
    assert min(each.number for each in after) == 1


def test_a_backup_is_a_new_file_for_its_owner_alone(filled: Engine, tmp_path: Path) -> None:
    back_up(filled, tmp_path / "b", os.environ)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadSettings, match="exists"):
        back_up(filled, tmp_path / "b", os.environ)
    with pytest.raises(BadSettings, match="cannot be written: No such file"):
        back_up(filled, tmp_path / "nowhere" / "b", os.environ)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_dump_that_fails_leaves_no_file(filled: Engine, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "pg_dump"
    major = stored(filled, "SHOW server_version_num")[0][:2]
    tool.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {major}.0" && exit\n'
                    'echo "pg_dump: error: no space left" >&2; exit 1\n')  # fmt: skip
    tool.chmod(0o755)
    with pytest.raises(Unavailable, match="pg_dump ended with 1: pg_dump: error: no space left"):
        back_up(filled, tmp_path / "b", {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"})
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_an_empty_database_has_nothing_to_back_up(empty: Callable[[], Engine], tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="nothing to back up"):
        back_up(empty(), tmp_path / "b", os.environ)


def test_only_an_empty_database_or_a_cleaned_one_is_restored_into(
    empty: Callable[[], Engine], filled: Engine, tmp_path: Path
) -> None:
    other = empty()
    init_db(other)
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE mine AS SELECT 1 AS one"))
        connection.execute(text("INSERT INTO sink_offsets (log, partition, next_offset) VALUES ('b', 0, 1)"))
    back_up(filled, tmp_path / "b", os.environ)
    with pytest.raises(BadSettings, match="not empty"):
        restore(other, tmp_path / "b", os.environ)
    assert stored(other, "SELECT log FROM sink_offsets") == ["b"]
    assert restore(other, tmp_path / "b", os.environ, clean=True).is_current
    assert stored(other, "SELECT log FROM sink_offsets") == ["a"]
    assert stored(other, "SELECT one FROM mine") == [1]


def test_a_file_that_ends_too_early_or_is_none_leaves_the_database_as_it_is(filled: Engine, tmp_path: Path) -> None:
    with filled.begin() as connection:  # so much that it does not lie in the file's first pages
        connection.execute(
            text(
                "INSERT INTO sink_offsets (log, partition, next_offset) "
                "SELECT gen_random_uuid(), n, 1 FROM generate_series(1, 20000) AS n"
            )
        )
    whole, cut, other = tmp_path / "whole", tmp_path / "cut", tmp_path / "other"
    back_up(filled, whole, os.environ)
    cut.write_bytes(whole.read_bytes()[:-100_000])
    other.write_bytes(b"no backup")
    for file, reason in ((cut, "pg_restore"), (other, "no backup"), (tmp_path / "none", "is no file")):
        with pytest.raises((BadSettings, Unavailable), match=reason):
            restore(filled, file, os.environ, clean=True)
    assert stored(filled, "SELECT count(*) FROM sink_offsets") == [20_001]


def test_a_backup_of_an_older_schema_is_restored_and_migrated_and_one_of_a_newer_refused(
    empty: Callable[[], Engine], filled: Engine, tmp_path: Path
) -> None:
    with filled.begin() as connection:
        command.downgrade(configuration(connection), "0007")
    back_up(filled, tmp_path / "older", os.environ)
    other = empty()
    assert restore(other, tmp_path / "older", os.environ).current == "0007"
    assert init_db(other).is_current
    with other.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    back_up(other, tmp_path / "newer", os.environ)
    with pytest.raises(BadSettings, match=r"revision 9999, which is newer"):
        restore(filled, tmp_path / "newer", os.environ, clean=True)
    with pytest.raises(BadSettings, match="9999, which is newer"):
        restore(other, tmp_path / "older", os.environ, clean=True)
    assert stored(filled, "SELECT log FROM sink_offsets") == stored(other, "SELECT log FROM sink_offsets") == ["a"]
