"""The sink's rate: results that lie ready become rows in Postgres, each batch with its positions."""

from contextlib import closing
from time import monotonic

import psutil
import psycopg

from streams.topics import PREDICTION_RESULTS, Topic, log_ids
from tests.bench.drain import Drain, cpu_s
from tests.bench.place import Lane, Place

START_S = 60.0
SLOWEST_PER_S = 200


class Stored:
    """How many records of some of a lane's topics the sink has stored, by its own positions."""

    def __init__(self, lane: Lane, *topics: Topic) -> None:
        logs = log_ids(lane.settings)
        self._logs = [logs[lane.topic(topic.name)] for topic in topics]
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
                "SELECT coalesce(sum(next_offset), 0) FROM sink_offsets WHERE log = ANY(%s)", [self._logs]
            ).fetchone()
        except psycopg.errors.UndefinedTable:  # the sink has not made its tables yet
            return 0
        assert found is not None
        return int(found[0])

    def close(self) -> None:
        self._connection.close()


def sink_drain(place: Place, lane: Lane, count: int) -> Drain:
    """Rows and positions, from the first batch stored to the last; of a single batch, since the last look before it."""
    with closing(Stored(lane, PREDICTION_RESULTS)) as stored, place.role("sink", lane) as sink:
        sink.await_true(lambda: stored.count() > 0, "a first row", START_S)
        process = psutil.Process(sink.process.pid)
        first, began, before = stored.count(), monotonic(), cpu_s(process)
        sink.await_true(lambda: stored.count() >= count, f"{count} rows", START_S + count / SLOWEST_PER_S)
        if first >= count:
            return Drain(count, began - stored.empty_at, None)
        rows, seconds, used = count - first, monotonic() - began, cpu_s(process) - before
        return Drain(rows, seconds, used / rows * 1e6)
