"""A retraining as `weir retrain` does it, on labelled rows that lie in Postgres."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time

from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from agents.retrain import Asked, Retrainer
from infra import artifacts
from infra.database import create_db_engine, init_db
from infra.database.jobs import Jobs
from models.churn import CHURN, LABEL
from models.retraining import Order
from models.simulate import simulate_customers
from models.tabular import rows_of
from schemas.errors import Unavailable
from streams.retraining import PlatformDesk
from tests.bench.place import Place
from tests.bench.routed import MODEL, RouteWriter, champion
from tests.stack import fresh_database

COLUMNS = (
    "request_id",
    "status",
    "model",
    "features",
    "predicted_probability",
    "latency_ms",
    "requested_at",
    "scored_at",
    "actual_label",
    "label_source",
    "labelled_at",
)
SPAN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Relearned:
    """rows: that it learned from and was held against the champion on. cpu_s: of this process, all threads."""

    rows: int
    algorithm: str
    seconds: float
    cpu_s: float


def relearned(place: Place, rows: int) -> Relearned:
    """From asking for it to the job's end, all algorithms tried, of which none passes: who enters waits for others."""
    with fresh_database(place.database_url) as url, labelled(url, rows) as engine:
        lane = place.lane(DATABASE_URL=url)
        routes = RouteWriter(lane)
        routes.write(champion(artifacts.latest(place.store, MODEL)))
        routes.flush()
        retrainer = Retrainer(Jobs(engine), PlatformDesk(lane.settings, engine), lambda: datetime.now(UTC))
        asked = Asked(MODEL, "manual", "measured", "bench", least_rows=rows, again=True, order=Order(least_f1=1.0))
        began, before = perf_counter(), process_time()
        job = retrainer(asked).job
        seconds, used = perf_counter() - began, process_time() - before
    if job.state != "completed" or job.result is None:
        raise Unavailable("retraining", f"{job.state}: {job.error}")
    return Relearned(job.rows or 0, job.result["algorithm"], seconds, used)


@contextmanager
def labelled(url: str, rows: int) -> Iterator[Engine]:
    """So many answers whose truth is known, of no version: no arm counts them, and none is told."""
    engine = create_db_engine(url, patience_s=600)
    init_db(engine)
    copy = f"COPY prediction_feedback ({', '.join(COLUMNS)}) FROM STDIN"
    frame, began = simulate_customers(rows, 23), datetime.now(UTC) - SPAN
    with engine.begin() as connection:
        line = connection.connection.driver_connection
        assert line is not None
        with line.cursor().copy(copy) as out:
            for number, (features, label) in enumerate(zip(rows_of(frame, CHURN), frame[LABEL], strict=True)):
                at = began + SPAN * number / rows
                out.write_row((f"r-{number}", "ok", MODEL, Jsonb(features), 0.5, 1, at, at, int(label), "bench", at))
    try:
        yield engine
    finally:
        engine.dispose()
