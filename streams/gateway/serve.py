"""The gateway as a process."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import uvloop
from redis.asyncio import Redis
from starlette.applications import Starlette

from infra.auth import SealedKeyRing, get_key_manager
from infra.database import create_db_engine
from infra.kafka import aiokafka_options, client_options
from infra.rate_limit import RedisLimiter, connect
from infra.sealing import Sealer
from schemas.control import Command, Outcome
from schemas.keys import ApiKey, Credential
from schemas.message import Emission
from streams.commands import command_body, outcome_of
from streams.evidence import figures
from streams.gateway.administration import Administration
from streams.gateway.app import create_app
from streams.gateway.drift import drift_routes
from streams.gateway.feeds import Feeds
from streams.gateway.http import http_server, listen
from streams.gateway.lease import Lease
from streams.gateway.live import LiveTopic
from streams.gateway.metrics import GatewayMetrics
from streams.gateway.pending import Pending, RateState
from streams.gateway.quota import Peek
from streams.gateway.replies import ReplyReader
from streams.gateway.router import Give, router_routes
from streams.gateway.stored import stored_predictions
from streams.observe import metrics_text
from streams.producer import Producer
from streams.requests import ReplyTo, signed_request
from streams.settings import Settings
from streams.stored_drift import StoredDrift
from streams.topics import CONTROL_COMMANDS, DRIFT_EVENTS, PREDICTION_REPLIES

log = logging.getLogger("weir.gateway")

REDIS_S = 0.5
KEYS_S = 3.0
"""For each read and each write of the keys that a change takes."""


def serve(settings: Settings) -> None:
    """Run the gateway until SIGTERM or SIGINT; what is in flight is answered first."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_until_signal(settings))


async def _serve_until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop, GatewayMetrics())


async def run(settings: Settings, stop: asyncio.Event, metrics: GatewayMetrics) -> None:
    """Serve until `stop` is set. Raises what ended the key view, the reply reader or the producer: start the
    process again.

    HTTP answers at once; while the broker is away /readyz says so and the rest answers 503.
    """
    listening = listen(settings.host, settings.port)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        app, feeds, producer, live = await stack.enter_async_context(_gateway(settings, metrics))
        server = http_server(app)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
        feeding = asyncio.create_task(feeds.run(), name="feeds")
        sending = asyncio.create_task(producer.failed(), name="sending")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        log.info("listening on %s:%d", *listening.getsockname()[:2])
        try:
            await asyncio.wait({serving, feeding, sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            live.end()
            await serving
            stopping.cancel()
        for fed in (feeding, sending):
            if fed.done():
                await fed
            fed.cancel()
        await asyncio.wait({feeding, sending})


@asynccontextmanager
async def _gateway(
    settings: Settings, metrics: GatewayMetrics
) -> AsyncIterator[tuple[Starlette, Feeds, Producer, LiveTopic]]:
    """The application over the real things, and what feeds it; all of it closed afterwards."""
    pending = Pending(settings.max_pending, metrics.late_reply)
    producer = Producer(client_options(settings))
    async with AsyncExitStack() as stack:
        feeds = _feeds(settings, pending, stack)
        engine = create_db_engine(settings.database_url.get_secret_value(), pool_size=5)
        stack.callback(engine.dispose)
        administration = Administration(get_key_manager(settings, timeout_s=KEYS_S), settings.request_timeout_s)
        stack.callback(administration.close)
        await producer.start()
        stack.push_async_callback(producer.stop)

        live = LiveTopic(aiokafka_options(settings), settings.topic(DRIFT_EVENTS.name))

        def text() -> bytes:
            metrics.pending.set(len(pending))
            for view in feeds.views:
                metrics.staleness.labels(view.topic).set(view.staleness_s)
            return metrics_text(settings.prometheus_multiproc_dir)

        app = create_app(
            settings,
            keys=feeds,
            producer=producer,
            replies=feeds.replies,
            predictions=stored_predictions(engine),
            administer=administration,
            checks={
                "keys": feeds.keys_not_ready,
                "replies": feeds.replies.why_not_ready,
                "producer": lambda: producer.broken,
            },
            metrics_text=text,
            more={
                **router_routes(feeds, _commands(settings, producer, feeds.replies), *figures(engine)),
                **drift_routes(StoredDrift(engine), live, feeds, lambda: datetime.now(UTC)),
            },
            peek=_peek(settings, stack) if settings.rate_limit_enabled else None,
            observe=metrics.response,
        )
        yield app, feeds, producer, live


def _commands(settings: Settings, producer: Producer, replies: ReplyReader) -> Give:
    """Commands in the name of the caller's key, signed with it for the length of the request."""

    async def give(by: Credential, command: Command, request_id: str) -> Outcome:
        def record(reply: ReplyTo) -> Emission:
            return signed_request(
                settings.topic(CONTROL_COMMANDS.name),
                command_body(command),
                entity=command.model,
                request_id=request_id,
                key_id=by.key.key_id,
                signing_key=by.signing_key,
                now_ms=time.time_ns() // 1_000_000,
                reply=reply,
            )

        return await outcome_of(producer, replies, record, settings.request_timeout_s)

    return give


def _peek(settings: Settings, stack: AsyncExitStack) -> Peek:
    redis = connect(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    limiter = RedisLimiter(redis, logs={}, prefix=settings.bucket_prefix)
    stack.push_async_callback(limiter.close)

    async def peek(key: ApiKey) -> RateState:
        found = await limiter.peek(key.bucket, key.rate_limit, key.capacity)
        return RateState(found.limit, found.remaining, found.reset_at, 0)

    return peek


def _feeds(settings: Settings, pending: Pending, stack: AsyncExitStack) -> Feeds:
    redis = Redis.from_url(settings.redis_url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S)
    stack.push_async_callback(redis.aclose)
    topic = settings.topic(PREDICTION_REPLIES.name)
    lease = Lease(redis, topic, pending.instance)
    stack.push_async_callback(lease.release)
    ring = SealedKeyRing(Sealer.of(settings))
    feeds = Feeds(settings, ring, ReplyReader(aiokafka_options(settings), topic, pending, lease.choose))
    stack.push_async_callback(feeds.stop)
    return feeds
