"""The sink as it is put together: the database behind its stages."""

import asyncio
import uuid
from dataclasses import dataclass

from sqlalchemy import Engine

from infra.database import PostgresStore, create_db_engine, init_db
from infra.database.labelled import Outbox
from infra.rate_limit import connect
from streams import topology
from streams.compacted import CompactedView
from streams.key_view import follow_keys
from streams.loops import Pipeline
from streams.relay import Relay
from streams.roles.shared import Built, Shared
from streams.topics import LABELLED_PREDICTIONS


@dataclass(frozen=True, slots=True)
class Storing:
    """What stores. keys: the view that labels are checked by."""

    pipelines: list[Pipeline]
    keys: CompactedView
    engine: Engine


async def build(shared: Shared) -> Built:
    """Migrates the database first. Raises BadSettings, Unavailable."""
    settings, made = shared.settings, await storing(shared)
    outbox = Outbox(made.engine, f"sink {uuid.uuid4()}", patience_s=settings.batch_timeout_s / 2)
    relay = Relay(settings.topic(LABELLED_PREDICTIONS.name), outbox, shared.producer)
    relay.begin(shared.things)
    return made.pipelines, [made.keys, relay]


async def storing(shared: Shared) -> Storing:
    """A sink that stores and tells no truths. Migrates the database first. Raises BadSettings, Unavailable."""
    settings = shared.settings
    ring, view = await follow_keys(settings, shared.things)
    # A slow database says so before the batch's time is over, which would count as the records' fault.
    engine = create_db_engine(settings.database_url.get_secret_value(), patience_s=settings.batch_timeout_s / 3)
    await asyncio.to_thread(init_db, engine)
    shared.things.callback(engine.dispose)
    redis = connect(settings.redis_url)
    shared.things.push_async_callback(redis.aclose)
    store = PostgresStore(engine, shared.logs, patience_s=settings.batch_timeout_s / 2)
    steps = topology.sink(settings, keys=ring, store=store, counters=shared.metrics)
    return Storing(shared.pipelines("sink", steps, redis), view, engine)
