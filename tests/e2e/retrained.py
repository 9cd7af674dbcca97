"""Customers who behave otherwise, their labels, and what is told of the retrainings that these lead to."""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import text

from agents.learn import lessons, resumed, rows_of
from infra.database.engine import create_db_engine
from infra.database.online import OnlineModels
from infra.kafka import client_options, publish
from models.simulate import customer_rows
from schemas.drift_events import encode_drift
from streams.retraining import PlatformDesk
from tests.e2e.platform import Platform
from tests.e2e.tap import Event
from tests.e2e.upstream import Key
from tests.infra.database.told import step

OFTEN = 1.1
OF_STATE = "state = %s"
HELD = secrets.randbelow(2**31)


def ask(platform: Platform, key: Key, rows: int, seed: int) -> dict[str, int]:
    """Request id -> truth of customers of whom those leave that order often: the champion has learned otherwise."""
    random, truths = np.random.default_rng(seed), {}
    for number, features in enumerate(customer_rows(rows, seed)):
        request_id = platform.upstream.ask(key, features, entity=f"c-{seed}-{number}")
        truths[request_id] = int(random.random() < (0.95 if features["order_frequency"] > OFTEN else 0.05))
    platform.upstream.flush()
    return truths


def label(platform: Platform, key: Key, truths: dict[str, int], folder: Path) -> None:
    """By the file, as an analyst has it."""
    table = folder / f"{len(truths)}.csv"
    table.write_text("request_id,label\n" + "".join(f"{one},{truth}\n" for one, truth in truths.items()))
    platform.environment["WEIR_API_KEY"] = key.api_key
    loaded = platform.cli("feedback", "load", str(table), "--key-id", key.key_id, "--json")
    assert loaded.returncode == 0, loaded.stderr


def cli(platform: Platform, *arguments: str, code: int = 0) -> Any:
    done = platform.cli(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def told(platform: Platform) -> list[tuple[str, str]]:
    return [(one.body["job_id"], one.body["state"]) for one in platform.tap("retraining-jobs").to_end()]


def drift_opens(platform: Platform, version: str) -> None:
    """As the monitor tells it, of rows that are all labelled."""
    now = datetime.now(UTC)
    drift = step(str(uuid4()), model="churn", model_version=version, timestamp=now, first_seen=now - timedelta(hours=1))
    publish(
        client_options(platform.settings), platform.topic("drift-events"), [(b"churn:spent", encode_drift(drift), [])]
    )


def job_in(platform: Platform, state: str) -> str | None:
    """The job that drift has caused and that is in this state."""
    query = f"SELECT job_id FROM retraining_jobs WHERE trigger = 'drift' AND {OF_STATE}"
    return next((job_id for (job_id,) in platform.stored(query, state)), None)


@contextmanager
def held_from_second_keep(platform: Platform) -> Iterator[Callable[[], bool]]:
    """Whoever would keep a learner for the second time waits until the end; whether somebody does."""
    engine = create_db_engine(platform.environment["DATABASE_URL"])
    waits = text(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {HELD} AND NOT granted")
    with engine.connect() as connection:
        line = connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in (*_HOLDS, f"SELECT pg_advisory_lock({HELD})"):
            line.execute(text(statement))
        yield lambda: bool(line.scalar(waits))
        for statement in (f"SELECT pg_advisory_unlock({HELD})", "DROP FUNCTION held() CASCADE"):
            line.execute(text(statement))
    engine.dispose()


_HOLDS = (
    f"CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$",
    "CREATE TRIGGER held BEFORE UPDATE ON online_models FOR EACH ROW WHEN (NEW.edition = 2) EXECUTE FUNCTION held()",
)


def never_killed(platform: Platform, records: Sequence[Event]) -> str:
    """What is kept of a learner that has read all of it at once."""
    engine = create_db_engine(platform.environment["DATABASE_URL"])
    pupil = resumed(PlatformDesk(platform.settings, engine).champion("churn"), None)
    rows, _ = rows_of("churn", [one.value for one in records])
    pupil.learn(rows, OnlineModels(engine).features(list(lessons(rows))))
    engine.dispose()
    return pupil.kept()
