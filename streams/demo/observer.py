"""An independent look at what comes out: a consumer and SQL of its own, no part of the pipeline."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text

from infra.database import create_db_engine
from infra.kafka import aiokafka_options
from streams.demo.ledger import Ledger, Rows
from streams.settings import Settings
from streams.topics import DEAD_LETTERS, PREDICTION_RESULTS

LOOK_S = 0.5
_ROWS = text(
    "SELECT request_id, count(*), count(actual_label) FROM prediction_feedback "
    "WHERE request_id = ANY(:ids) GROUP BY request_id"
)

OnStranger = Callable[[Mapping[str, Any]], None]


class Observer:
    """Fills a ledger with what it sees.

    partitions: of each topic. on_stranger: told of each result that belongs to somebody else's request.
    """

    def __init__(
        self, settings: Settings, partitions: Mapping[str, int], ledger: Ledger, on_stranger: OnStranger
    ) -> None:
        self._results = settings.topic(PREDICTION_RESULTS.name)
        topics = (self._results, settings.topic(DEAD_LETTERS.name))
        self._partitions = [TopicPartition(topic, n) for topic in topics for n in range(partitions[topic])]
        self._ledger = ledger
        self._on_stranger = on_stranger
        self._options = aiokafka_options(settings)
        self._database = settings.database_url.get_secret_value()

    async def __aenter__(self) -> "Observer":
        """Stand at the end of every partition: what comes from now on is seen."""
        self._consumer = AIOKafkaConsumer(
            **self._options, enable_auto_commit=False, auto_offset_reset="latest", fetch_max_wait_ms=100
        )
        self._engine = create_db_engine(self._database, pool_size=1, max_overflow=0)
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_end(*self._partitions)
        for partition in self._partitions:
            await self._consumer.position(partition)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        self._engine.dispose()

    async def at_end(self) -> bool:
        """Whether everything on the topics by now has been seen."""
        ends = await self._consumer.end_offsets(self._partitions)
        return all([await self._consumer.position(partition) >= end for partition, end in ends.items()])

    async def follow(self) -> None:
        """Read results and dead letters until cancelled."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=100)
            for partition, records in batches.items():
                for record in records:
                    self._see(partition.topic, orjson.loads(record.value or b"{}"))

    def _see(self, topic: str, value: Mapping[str, Any]) -> None:
        if topic != self._results:
            self._ledger.dead_letter(value)
        elif not self._ledger.event(value["request_id"], value["status"]):
            self._on_stranger(value)

    async def count_rows(self) -> None:
        """Ask Postgres again and again until cancelled."""
        while True:
            ids = list(self._ledger.requests)
            self._ledger.rows = await asyncio.to_thread(self._select, ids)
            await asyncio.sleep(LOOK_S)

    def _select(self, ids: list[str]) -> dict[str, Rows]:
        with self._engine.connect() as connection:
            return {name: Rows(rows, labelled) for name, rows, labelled in connection.execute(_ROWS, {"ids": ids})}
