"""Labels whose prediction is not there: what waits, for how long, and who said so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from infra.database.faults import reaching_postgres

AGES = {"under 1h": 3600, "1h to 1d": 86_400, "1d to 7d": 7 * 86_400, "7d to 30d": 30 * 86_400, "30d and more": None}
"""Ages, each by its end in seconds."""
MOST_SOURCES = 20

_ENDS = ", ".join(str(end) for end in AGES.values() if end is not None)
_WAITING = text(
    f"""
    WITH waiting AS MATERIALIZED (
        SELECT request_id, "row", min(received_at) AS since, (array_agg(source ORDER BY id DESC))[1] AS source
        FROM label_revisions AS said
        WHERE NOT EXISTS (
            SELECT 1 FROM prediction_feedback AS stored
            WHERE stored.request_id = said.request_id AND stored."row" = said."row"
        )
        GROUP BY request_id, "row" HAVING min(received_at) <= :before
    ),
    ages AS (
        SELECT width_bucket(extract(epoch FROM CAST(:now AS timestamptz) - since), ARRAY[{_ENDS}]) AS age, count(*)
        FROM waiting GROUP BY age
    ),
    sources AS (
        SELECT source, count(*) FROM waiting GROUP BY source ORDER BY count(*) DESC, source LIMIT {MOST_SOURCES}
    ),
    oldest AS (
        SELECT request_id, "row", since, source, EXISTS (
            SELECT 1 FROM prediction_feedback AS stored WHERE stored.request_id = waiting.request_id
        ) AS other_row
        FROM waiting ORDER BY since, request_id, "row" LIMIT :most
    )
    SELECT (SELECT count(*) FROM waiting), (SELECT json_object_agg(age, count) FROM ages),
        (SELECT json_object_agg(source, count) FROM sources), (SELECT json_agg(oldest) FROM oldest)
    """  # noqa: S608 - numbers of our own
)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A row whose truth is known and whose answer is not stored.

    since: when its first label came. source: who said the last one. other_row: whether another row of its request is
    stored.
    """

    request_id: str
    row: int
    since: datetime
    source: str
    other_row: bool


@dataclass(frozen=True, slots=True)
class Orphans:
    """count: of rows. ages: how many of each of AGES. sources: how many of each, of the most frequent ones."""

    count: int
    ages: Mapping[str, int]
    sources: Mapping[str, int]
    oldest: Sequence[Orphan]

    @property
    def of_other_sources(self) -> int:
        return self.count - sum(self.sources.values())


def find_orphans(engine: Engine, *, before: datetime, now: datetime, most: int) -> Orphans:
    """What has waited since `before`; the oldest `most` one by one. Raises Unavailable, BadSettings without tables.

    Reads every label and every answer's id: 8 s for half a million of each, on two busy cores.
    """
    given = {"before": before, "now": now, "most": most}
    with reaching_postgres(), engine.connect() as connection:
        count, ages, sources, oldest = connection.execute(_WAITING, given).one()
    by_age = {name: (ages or {}).get(str(place), 0) for place, name in enumerate(AGES)}
    return Orphans(count, by_age, sources or {}, [_orphan(row) for row in oldest or ()])


def _orphan(row: Mapping[str, Any]) -> Orphan:
    return Orphan(**{**row, "since": datetime.fromisoformat(row["since"])})
