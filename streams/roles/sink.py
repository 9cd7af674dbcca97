"""The sink as it is put together: the database behind its stages."""

import asyncio
import uuid

from infra.database import PostgresStore, create_db_engine, init_db
from infra.database.labelled import Outbox
from infra.rate_limit import connect
from streams import topology
from streams.key_view import follow_keys
from streams.relay import Relay
from streams.roles.shared import Built, Shared
from streams.topics import LABELLED_PREDICTIONS


async def build(shared: Shared) -> Built:
    """Migrates the database first. Raises BadSettings, Unavailable."""
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
    outbox = Outbox(engine, f"sink {uuid.uuid4()}", patience_s=settings.batch_timeout_s / 2)
    relay = Relay(settings.topic(LABELLED_PREDICTIONS.name), outbox, shared.producer)
    relay.begin(shared.things)
    return shared.pipelines("sink", steps, redis), [view, relay]
