"""Callers who hold connections: those that send slowly, read nothing, come in crowds or want another protocol."""

import asyncio
import json
import logging
from functools import partial

import pytest

from streams.gateway import connection, limits
from streams.gateway.limits import Limits
from tests.kafka import until
from tests.streams.gateway.callers import ALIVE, calling, deaf_to, narrow, patient, serving, trickling
from tests.streams.gateway.fakes import FULL, Gateway

SOON = 0.2


@pytest.mark.parametrize("before", [b"", ALIVE], ids=["first request", "second request"])
async def test_a_head_that_trickles_is_answered_408_and_cut_off(before: bytes) -> None:
    async with serving(Gateway(), patient(head_s=SOON)) as server, calling(server) as caller:
        if before:
            await caller.ask(before)
        await caller.send(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        async with trickling(caller, b"a"):
            status, body, head = await caller.answer()
        assert (status, body["error"]["code"]) == (408, "too_slow")
        assert b"connection: close" in head
        assert await caller.ended() == b""


async def test_a_connection_without_a_byte_is_closed_without_a_word() -> None:
    async with serving(Gateway(), patient(head_s=SOON)) as server, calling(server) as caller:
        assert await caller.ended() == b""


async def test_a_connection_that_rests_between_requests_is_closed() -> None:
    async with serving(Gateway(), patient(idle_s=SOON)) as server, calling(server) as caller:
        assert (await caller.ask())[0] == 200
        assert await caller.ended() == b""


async def test_many_requests_in_turn_outlast_the_time_that_one_head_has() -> None:
    async with serving(Gateway(), patient(head_s=SOON)) as server, calling(server) as caller:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() < began + 2 * SOON:
            assert (await caller.ask())[0] == 200


async def test_a_body_that_trickles_on_after_its_answer_is_cut_off() -> None:
    async with serving(Gateway(), patient(head_s=SOON)) as server, calling(server) as caller:
        status, *_ = await caller.ask(b"POST /predict HTTP/1.1\r\nHost: w\r\nContent-Length: 1000000\r\n\r\n")
        assert status == 401
        async with trickling(caller, b"a"):
            assert await caller.ended() == b""


async def test_a_body_that_trickles_is_answered_408_and_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.gateway.security.BODY_S", SOON)
    gateway = Gateway()
    async with serving(gateway, patient()) as server, calling(server) as caller:
        await caller.send(post_head(gateway, b"Content-Length: 1000000\r\n"))
        async with trickling(caller, b" "):
            status, body, _ = await caller.answer()
        assert (status, body["error"]["code"]) == (408, "too_slow")
        assert await caller.ended() == b""


async def test_answers_that_nobody_reads_are_thrown_away() -> None:
    listening = narrow()
    async with serving(Gateway(), patient(unread_s=SOON), listening) as server:
        with deaf_to(listening) as deaf:
            deaf.sendall(ALIVE)
            await until(lambda: server.server_state.total_requests, "the first answer")
            [held] = server.server_state.connections

            def answered_or_stuck(sent: int) -> bool:
                return held.flow.write_paused or server.server_state.total_requests == sent

            for sent in range(33, 10_000, 32):
                deaf.sendall(ALIVE * 32)
                await until(partial(answered_or_stuck, sent), "answers")
                if held.flow.write_paused:
                    break
            await until(lambda: not server.server_state.connections, "dropped", 10)


async def test_a_last_answer_that_nobody_reads_does_not_keep_the_connection() -> None:
    gateway = Gateway()
    api_key = gateway.keys.new("predict")
    gateway.stored["r-1"] = {"key_id": gateway.keys.credentials[api_key].key.key_id, "pad": "x" * 40_000}
    request = f"GET /predictions/r-1 HTTP/1.1\r\nHost: w\r\nX-API-Key: {api_key}\r\nConnection: close\r\n\r\n"
    listening = narrow()
    async with serving(gateway, patient(unread_s=SOON), listening) as server:
        with deaf_to(listening) as deaf:
            deaf.sendall(request.encode())
            await until(lambda: server.server_state.total_requests, "answered")
            [held] = server.server_state.connections
            assert 0 < held.transport.get_write_buffer_size() < 64 * 1024
            await until(lambda: not server.server_state.connections, "dropped", 10)


async def test_who_is_hung_up_on_can_read_why_while_still_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 30)
    async with serving(Gateway(), patient()) as server, calling(server) as caller:
        await caller.send(b"this is no HTTP\r\n\r\n")
        async with trickling(caller, b"nor this"):
            status, body, _ = await caller.answer()
            assert await caller.ended() == b""
        assert (status, body["error"]["code"]) == (400, "not_http")


async def test_who_is_hung_up_on_is_heard_no_more_and_dropped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "LINGER_S", SOON)
    async with serving(Gateway(), patient(head_s=SOON)) as server, calling(server) as caller:
        assert (await caller.ask(ALIVE[:-2]))[0] == 408
        await caller.send(b"\r\n")
        await until(lambda: not server.server_state.connections, "dropped", 10)
    assert server.server_state.total_requests == 0
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


async def test_who_asks_on_without_waiting_for_answers_is_cut_off() -> None:
    async with serving(Gateway(), patient()) as server, calling(server) as caller:
        await caller.send(ALIVE * 10_000)
        assert (await caller.ended()).count(b"HTTP/1.1 200") <= 1 + Limits().unanswered


async def test_who_sends_too_much_ahead_is_answered_what_was_accepted() -> None:
    accepted = 1 + Limits().unanswered
    async with serving(Gateway(), patient()) as server, calling(server) as caller:
        await caller.send(ALIVE * (accepted + 5))
        assert [(await caller.answer())[0] for _ in range(accepted)] == [200] * accepted
        assert await caller.ended() == b""


@pytest.mark.parametrize("before", [1, 2, 3])
async def test_garbage_after_good_requests_is_refused_after_their_answers(
    before: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Gateway(), patient()) as server, calling(server) as caller:
        await caller.send(ALIVE * before + b"garbage\0\0\r\n\r\n")
        assert [(await caller.answer())[0] for _ in range(before)] == [200] * before
        status, body, head = await caller.answer()
        assert (status, body["error"]["code"]) == (400, "not_http")
        assert b"connection: close" in head
        assert await caller.ended() == b""
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("before", [b"", ALIVE], ids=["alone", "behind another"])
async def test_a_request_whose_body_turns_to_garbage_is_over_at_once(
    before: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 60)
    gateway = Gateway()
    async with serving(gateway, patient()) as server, calling(server) as caller:
        await caller.send(before + post_head(gateway, b"Transfer-Encoding: chunked\r\n"))
        await until(lambda: server.server_state.total_requests == bool(before), "the first answer")
        await until(lambda: server.server_state.tasks, "the body is awaited")
        await caller.send(b"no length\r\n")
        if before:
            assert (await caller.answer())[0] == 200
        status, body, _ = await caller.answer()
        assert (status, body["error"]["code"]) == (400, "not_http")
        await until(lambda: not server.server_state.tasks, "the request is over", 3)
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("known", [False, True], ids=["without a key", "with a key"])
async def test_large_requests_sent_ahead_are_not_read_before_their_turn(known: bool) -> None:
    gateway, listening, length = Gateway(), narrow(), b"Content-Length: 63000\r\n"
    head = post_head(gateway, length) if known else b"POST /predict HTTP/1.1\r\nHost: w\r\n" + length + b"\r\n"
    async with serving(gateway, patient(), listening) as server:
        with deaf_to(listening) as deaf:
            deaf.setblocking(False)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(deaf, (head + b" " * 63_000) * 600), 3)
            [held] = server.server_state.connections
            assert sum(len(cycle.body) for cycle, _ in held.pipeline) < 8 * 63_000
            assert server.server_state.total_requests


async def test_an_answer_that_nobody_reads_does_not_keep_a_connection_that_rests() -> None:
    gateway = Gateway()
    api_key = gateway.keys.new("predict")
    gateway.stored["r-1"] = {"key_id": gateway.keys.credentials[api_key].key.key_id, "pad": "x" * 40_000}
    request = f"GET /predictions/r-1 HTTP/1.1\r\nHost: w\r\nX-API-Key: {api_key}\r\n\r\n"
    listening = narrow()
    async with serving(gateway, patient(idle_s=SOON, unread_s=SOON), listening) as server:
        with deaf_to(listening) as deaf:
            deaf.sendall(request.encode())
            await until(lambda: server.server_state.total_requests, "answered")
            [held] = server.server_state.connections
            assert 0 < held.transport.get_write_buffer_size() < 64 * 1024
            await until(lambda: not server.server_state.connections, "dropped", 10)


async def test_connections_beyond_the_limit_are_told_503_and_the_others_go_on() -> None:
    async with serving(Gateway(), patient(connections=2)) as server, calling(server) as one:
        async with calling(server) as two:
            assert (await one.ask())[0] == (await two.ask())[0] == 200
            async with calling(server) as three:
                status, body, head = await three.ask()
                assert (status, body["error"]["code"]) == (503, "busy")
                assert b"retry-after: 1" in head
                assert await three.ended() == b""
            assert (await one.ask())[0] == (await two.ask())[0] == 200
        await until(lambda: len(server.server_state.connections) == 1, "two and three are gone")
        async with calling(server) as four:
            assert (await four.ask())[0] == 200


async def test_a_crowd_far_beyond_the_limit_is_dropped_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REFUSED_AT_ONCE", 0)
    async with serving(Gateway(), patient(connections=1)) as server, calling(server) as one:
        assert (await one.ask())[0] == 200
        async with calling(server) as two:
            assert await two.ended() == b""
        assert (await one.ask())[0] == 200


def test_there_are_fewer_connections_than_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (1024, 4096))
    assert Limits().connections == 768
    monkeypatch.setattr(limits.resource, "getrlimit", lambda _: (2**20, 2**20))
    assert Limits().connections == 10_000


def post_head(gateway: Gateway, *lines: bytes) -> bytes:
    key = gateway.keys.new("predict").encode()
    return b"".join([b"POST /predict HTTP/1.1\r\nHost: w\r\nX-API-Key: ", key, b"\r\n", *lines, b"\r\n"])


WISHES = {
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    # Java's own client asks so unless told otherwise.
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES.keys())
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_wish_for_another_protocol_is_passed_over(
    wish: bytes, chunked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    gateway, value = Gateway(), json.dumps(FULL).encode()
    length = b"Transfer-Encoding: chunked\r\n" if chunked else b"Content-Length: %d\r\n" % len(value)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(value), value) if chunked else value
    head = post_head(gateway, wish, length)
    async with serving(gateway, patient()) as server, calling(server) as caller:
        assert (await caller.ask(head + body))[0] == 200
        await caller.send(head)
        await until(lambda: server.server_state.tasks, "the head is read")
        assert (await caller.ask(body))[0] == 200
        await caller.send((head + body) * 2)
        assert [(await caller.answer())[0] for _ in range(2)] == [200, 200]
    assert [sent.value for sent in gateway.kafka.sent] == [value] * 4
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []


async def test_connect_is_no_request_of_ours() -> None:
    async with serving(Gateway(), patient()) as server, calling(server) as caller:
        status, body, _ = await caller.ask(b"CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n")
        assert (status, body["error"]["code"]) == (400, "not_http")
        assert await caller.ended() == b""
