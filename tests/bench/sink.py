"""The sink's rate: results that lie ready become rows in Postgres."""

from time import monotonic

import psycopg

from streams.topics import PREDICTION_RESULTS, log_ids
from tests.bench.place import Lane, Place

START_S = 60.0
SLOWEST_PER_S = 200


class Stored:
    """How many records of a lane's results the sink has stored, by its own positions."""

    def __init__(self, lane: Lane) -> None:
        self._log = log_ids(lane.settings)[lane.topic(PREDICTION_RESULTS.name)]
        url = lane.settings.database_url.get_secret_value()
        self._connection = psycopg.connect(url, autocommit=True)
        self.empty_at = monotonic()
        """When nothing was stored yet, as of the last look."""

    def count(self) -> int:
        looked_at, found = monotonic(), self._found()
        if not found:
            self.empty_at = looked_at
        return found

    def _found(self) -> int:
        try:
            found = self._connection.execute(
                "SELECT coalesce(sum(next_offset), 0) FROM sink_offsets WHERE log = %s", [self._log]
            ).fetchone()
        except psycopg.errors.UndefinedTable:  # the sink has not made its tables yet
            return 0
        assert found is not None
        return int(found[0])

    def close(self) -> None:
        self._connection.close()


def sink_rate(place: Place, lane: Lane, count: int) -> float:
    """Rows a second, from the first batch stored to the last; of a single batch, since the last look before it."""
    stored = Stored(lane)
    try:
        with place.role("sink", lane) as sink:
            sink.await_true(lambda: stored.count() > 0, "a first row", START_S)
            first, began = stored.count(), monotonic()
            sink.await_true(lambda: stored.count() >= count, f"{count} rows", START_S + count / SLOWEST_PER_S)
            if first >= count:
                return count / (began - stored.empty_at)
            return (count - first) / max(monotonic() - began, 0.001)
    finally:
        stored.close()
