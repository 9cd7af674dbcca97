"""The gateway as it runs: real HTTP, Kafka, Redis and Postgres, and an echo in the scorer's place."""

import asyncio
import json
import re
from contextlib import closing

import httpx
import pytest
from redis.asyncio import Redis

from infra.auth import get_key_manager
from infra.database import FeedbackRepository, create_db_engine, create_db_session
from infra.kafka import client_options
from schemas import headers as h
from schemas.errors import BadSettings
from streams.gateway.http import listen
from streams.gateway.limits import Limits
from streams.gateway.serve import run
from streams.producer import Producer
from streams.settings import Settings
from tests.kafka import read_all
from tests.streams.gateway.conftest import METRICS, Running, free_port, running
from tests.streams.gateway.echo import Echo, eventually

FULL = {"entity": "c-42", "features": {"total_orders": 3}}


@pytest.mark.contract("K4", "K8")
async def test_a_request_goes_through_the_topics_and_back(gateway: Running) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"Idempotency-Key": "order-1", "traceparent": trace}
    response = await gateway.http.post("/predict", json=FULL, headers=headers)
    assert response.status_code == 200
    assert response.json()["echo"] == FULL
    assert response.headers["X-RateLimit-Remaining"] == "99"
    [record] = gateway.echo.seen
    assert dict(record.headers)[h.TRACEPARENT].decode() == trace
    wrong = {"X-API-Key": "sk_live_" + "A" * 43}
    assert (await gateway.http.post("/predict", json=FULL, headers=wrong)).status_code == 401


async def test_hundred_callers_at_once_each_get_their_own(gateway: Running) -> None:
    async def ask(number: int) -> str:
        body = {"entity": f"c-{number}", "features": {}}
        return str((await gateway.http.post("/predict", json=body)).json()["entity"])

    assert await asyncio.gather(*map(ask, range(100))) == [f"c-{number}" for number in range(100)]


@pytest.mark.contract("R3")
async def test_a_body_just_within_the_limit_passes_whole(gateway: Running) -> None:
    padding = "x" * (1024 * 1024 - 100)
    response = await gateway.http.post("/predict", json={"entity": "c", "features": {"pad": padding}})
    assert response.status_code == 200
    assert response.json()["echo"]["features"]["pad"] == padding


CHUNKED = b"POST /predict HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = b"a" * (Limits().head_bytes + 1)


@pytest.mark.contract("R3")
@pytest.mark.parametrize(
    ("answered", "then", "code"),
    [
        (b"", b"GET / HTTP/1.1\r\nX-Long: " + ENDLESS, "headers_too_large"),
        (b"", b"GET /" + ENDLESS, "headers_too_large"),
        (CHUNKED, b"1;" + ENDLESS, "headers_too_large"),
        (CHUNKED, b"0\r\nX-Trailer: " + ENDLESS, "headers_too_large"),
        (b"", b"this is no HTTP\r\n\r\n", "not_http"),
    ],
    ids=["header", "path", "chunk extension", "trailer", "nonsense"],
)
async def test_what_has_no_end_or_is_no_http_is_cut_off_with_an_error_in_json(
    gateway: Running, answered: bytes, then: bytes, code: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http.base_url.port)
    with closing(writer):
        if answered:  # 401: the body is read no further
            writer.write(answered)
            await asyncio.wait_for(reader.readuntil(b"}}"), 10)
        writer.write(then)
        head, body = (await asyncio.wait_for(reader.read(), 10)).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/json" in head
    assert json.loads(body)["error"]["code"] == code


async def test_an_accepted_request_is_found_once_stored(gateway: Running) -> None:
    headers = {"Prefer": "respond-async", "Idempotency-Key": "later-1"}
    response = await gateway.http.post("/predict", json=FULL, headers=headers)
    assert response.status_code == 202
    location = response.headers["Location"]
    assert (await gateway.http.get(location)).status_code == 202
    await asyncio.to_thread(store, gateway.settings, "later-1", gateway.key_id)
    stored = (await gateway.http.get(location)).json()
    assert (stored["status"], stored["predictions"], stored["label"]) == ("ok", [0.75, 0.25], 0)
    assert "key_id" not in stored


def store(settings: Settings, request_id: str, key_id: str) -> None:
    engine = create_db_engine(settings.database_url.get_secret_value())
    with create_db_session(engine) as session:
        FeedbackRepository(session).store_prediction(
            request_id=request_id,
            features={"total_orders": 3},
            predicted_probability=0.25,
            predicted_label=0,
            risk_score=25.0,
            model_version="1",
            key_id=key_id,
        )
    engine.dispose()


async def test_feedback_is_accepted(gateway: Running) -> None:
    response = await gateway.http.post("/feedback", json={"request_id": "order-1", "label": 1})
    assert response.status_code == 202


@pytest.mark.contract("F1")
async def test_lines_of_feedback_lie_on_the_topic_once_they_are_acknowledged(gateway: Running) -> None:
    name = gateway.key_id  # of this test alone: the topic has more
    lines = [b'{"request_id": "%s-%d", "label": 1}' % (name.encode(), number) for number in range(1000)]
    body, headers = b"\n".join([*lines, b"{"]), {"Content-Type": "application/x-ndjson"}
    response = await gateway.http.post("/feedback", content=body, headers=headers)
    told = response.json()
    assert (response.status_code, told["accepted"], [line["line"] for line in told["refused"]]) == (202, 1000, [1001])
    topic = gateway.settings.topic("feedback")
    keys = {record.key() for record in read_all(gateway.settings.kafka_bootstrap_servers, topic)}
    assert {f"{name}-{number}".encode() for number in range(1000)} <= keys


@pytest.mark.contract("K6")
async def test_a_revoked_key_is_refused_within_two_seconds(gateway: Running) -> None:
    manager = await asyncio.to_thread(get_key_manager, gateway.settings)
    assert await asyncio.to_thread(manager.revoke_key, gateway.key_id)
    async with asyncio.timeout(2):
        while (await gateway.http.post("/predict", json=FULL)).status_code != 401:
            await asyncio.sleep(0.02)


async def test_a_caller_who_hangs_up_frees_the_entry_and_a_late_reply_is_counted(gateway: Running) -> None:
    gateway.echo.mute = True
    monitor = await key_for(gateway.settings, "monitor")

    async def metric(name: str) -> float:
        text = (await gateway.http.get("/metrics", headers={"X-API-Key": monitor})).text
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name} ")))

    await eventually_known(gateway.http, monitor)
    with pytest.raises(httpx.ReadTimeout):
        await gateway.http.post("/predict", json=FULL, timeout=httpx.Timeout(20, read=0.3))
    await eventually(lambda: gateway.echo.seen)
    async with asyncio.timeout(5):
        while await metric("pending_requests") != 0:
            await asyncio.sleep(0.02)
    before = await metric("late_replies_total")
    await publish_replies(gateway.echo)
    async with asyncio.timeout(5):
        while await metric("late_replies_total") != before + 1:
            await asyncio.sleep(0.02)


async def test_the_metrics_tell_how_old_the_view_of_the_keys_is(gateway: Running) -> None:
    monitor = await key_for(gateway.settings, "monitor")
    await eventually_known(gateway.http, monitor)
    text = (await gateway.http.get("/metrics", headers={"X-API-Key": monitor})).text
    topic = gateway.settings.topic("api-keys")
    [seconds] = re.findall(f'^view_staleness_seconds{{topic="{topic}"}} (.+)$', text, re.MULTILINE)
    assert 0 < float(seconds) < 10


async def key_for(settings: Settings, permission: str) -> str:
    manager = await asyncio.to_thread(get_key_manager, settings)
    return await asyncio.to_thread(manager.create_key, "monitor", [permission])


async def eventually_known(http: httpx.AsyncClient, api_key: str) -> None:
    async with asyncio.timeout(10):
        while (await http.get("/metrics", headers={"X-API-Key": api_key})).status_code != 200:
            await asyncio.sleep(0.02)


async def publish_replies(echo: Echo) -> None:

    producer = Producer(client_options(echo.settings))
    await producer.start()
    await producer.send([echo.reply(record) for record in echo.seen])
    await producer.stop()


async def test_stopping_answers_what_is_in_flight_and_gives_the_lease_back(gateway: Running, redis: Redis) -> None:
    gateway.echo.mute = True
    call = asyncio.create_task(gateway.http.post("/predict", json=FULL))
    await eventually(lambda: gateway.echo.seen)
    gateway.stop.set()
    await refused(gateway.http.base_url.port)
    await publish_replies(gateway.echo)
    assert (await call).status_code == 200
    await asyncio.wait_for(gateway.serving, 40)
    leases = f"weir:reply-lease:{gateway.settings.topic('prediction-replies')}:*"
    assert [key async for key in redis.scan_iter(leases)] == []


async def refused(port: int | None) -> None:
    """Return once nobody listens there."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # taken by the kernel as the listener closed
                continue
            writer.close()
            await asyncio.sleep(0.02)


async def test_without_a_broker_it_is_alive_not_ready_and_says_503(base: Settings) -> None:
    settings = base.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:9"})
    async with running(settings) as (http, _, _):
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await http.get("/healthz")).status_code == 200
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        ready = await http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["error"]["reasons"].keys() == {"keys", "replies"}
        key = {"X-API-Key": "sk_live_" + "A" * 43}
        assert (await http.post("/predict", json=FULL, headers=key)).status_code == 503


async def test_stopping_while_redis_is_away_ends_the_tries_to_return_to_it(base: Settings, api_key: str) -> None:
    nobody = base.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}/0"})
    async with running(nobody) as (http, _, serving):
        async with asyncio.timeout(30):
            while (response := await alive(http, api_key)) is None or response.status_code == 503:
                assert not serving.done()
                await asyncio.sleep(0.05)
        assert (response.status_code, response.headers["X-RateLimit-Limit"]) == (404, "1000")
    left = [task for task in asyncio.all_tasks() if "Recovery" in repr(task.get_coro())]
    assert left == []


async def alive(http: httpx.AsyncClient, api_key: str) -> httpx.Response | None:
    """An answer that no scorer is asked for, or None before anybody listens."""
    try:
        return await http.get("/nowhere", headers={"X-API-Key": api_key})
    except httpx.ConnectError:
        return None


async def test_a_taken_port_is_said(base: Settings) -> None:
    with listen("127.0.0.1", 0) as taken:
        settings = base.model_copy(update={"port": taken.getsockname()[1]})
        with pytest.raises(BadSettings, match="PORT"):
            await run(settings, asyncio.Event(), METRICS)
