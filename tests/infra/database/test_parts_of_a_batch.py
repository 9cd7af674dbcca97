"""The sink's parts of one batch, each a transaction beside the others."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from agents.in_parts import LEAST, MOST, parts
from agents.persist import persist_results
from infra.database import PostgresStore
from schemas.errors import Unavailable
from schemas.message import Batch, Record
from schemas.wire import encode
from tests.agents.scorer import FakeCounters
from tests.agents.sink import letter
from tests.agents.test_persist import result
from tests.infra.database.rows import stored

PARTITIONS = 2 * MOST


def batch(topic: str, prefix: str) -> Batch:
    """Results of as many partitions as make all parts; one is of a value that Postgres cannot hold, and one request id
    comes in each partition."""
    records = []
    for number in range(MOST * LEAST):
        offset, partition = divmod(number, PARTITIONS)
        request_id = f"{prefix}-same" if offset == 0 else f"{prefix}-{number}"
        changes = {"route_epoch": 2**63} if number == PARTITIONS + 1 else {}
        value = encode(result(request_id, entity=f"c-{number}", **changes))
        records.append(Record(topic, partition, offset, 0, b"k", value, ()))
    return Batch(topic, records)


@pytest.mark.contract("R7", "R10")
async def test_each_result_is_one_row_one_that_is_refused_a_dead_letter_and_again_the_same(
    store: PostgresStore, engine: Engine, topic: str, unique: Callable[..., str]
) -> None:
    prefix = unique("r")
    given = batch(topic, prefix)
    assert len(parts(given)) == MOST
    for _ in range(2):
        letters = await persist_results(given, store=store, counters=FakeCounters(), dead_letters="dead")
        assert [letter(one)["offset"] for one in letters] == [1]
        count = "SELECT count(*), count(DISTINCT request_id) FROM prediction_feedback WHERE request_id LIKE :prefix"
        expected = MOST * LEAST - PARTITIONS + 1 - 1
        assert stored(engine, count, prefix=f"{prefix}-%") == [(expected, expected)]
        ends = stored(engine, 'SELECT "partition", next_offset FROM sink_offsets WHERE log = :log', log=topic)
        assert dict(ends) == {partition: last + 1 for partition, last in given.last_offsets().items()}


class LosesOne(PostgresStore):
    """The second part to come does not reach Postgres."""

    calls = 0

    async def save_predictions(self, rows, positions):  # type: ignore[no-untyped-def]
        self.calls += 1
        if self.calls == 2:
            raise Unavailable("postgres", "is away")
        return await super().save_predictions(rows, positions)


@pytest.mark.contract("R9")
async def test_a_batch_of_which_a_part_was_lost_is_whole_once_it_has_come_again(
    engine: Engine, topic: str, unique: Callable[..., str]
) -> None:
    store, prefix = LosesOne(engine, {topic: topic}), unique("r")
    given = batch(topic, prefix)
    with pytest.raises(Unavailable):
        await persist_results(given, store=store, counters=FakeCounters(), dead_letters="dead")
    letters = await persist_results(given, store=store, counters=FakeCounters(), dead_letters="dead")
    assert [letter(one)["offset"] for one in letters] == [1]
    count = "SELECT count(*) FROM prediction_feedback WHERE request_id LIKE :prefix"
    assert stored(engine, count, prefix=f"{prefix}-%") == [MOST * LEAST - PARTITIONS]
