import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from infra.webhook import Webhook
from schemas.errors import Unavailable
from tests.hook import Hook, listening


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as hook:
        yield hook


async def post(url: str, timeout_s: float = 5.0) -> int:
    webhook = Webhook(SecretStr(url), timeout_s)
    try:
        return await webhook.post(b'{"text": "spent drifts"}')
    finally:
        await webhook.aclose()


async def test_json_is_posted_and_the_status_told(hook: Hook) -> None:
    assert await post(hook.url) == 200
    assert hook.posted == [{"text": "spent drifts"}]


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
async def test_other_answers_are_told_and_no_redirect_is_followed(hook: Hook, status: int) -> None:
    hook.statuses = [status]
    assert await post(hook.url) == status
    assert hook.tries == 1


async def test_a_hook_that_is_away_is_unavailable_and_its_address_in_no_error_or_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with listening() as gone:
        url = gone.url
    with caplog.at_level(logging.INFO), pytest.raises(Unavailable) as caught:
        await post(url)
    assert "ConnectError" in str(caught.value)
    assert caught.value.__cause__ is None
    assert "SECRET" not in str(caught.value) + caplog.text


async def test_a_hook_that_does_not_answer_is_unavailable_after_its_timeout(hook: Hook) -> None:
    hook.silent.set()
    with pytest.raises(Unavailable, match="Timeout"):
        async with asyncio.timeout(10):
            await post(hook.url, timeout_s=0.2)


async def test_an_answer_that_comes_byte_by_byte_is_none_after_the_timeout() -> None:
    hung_up = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: ")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable, match="TimeoutError"):
            async with asyncio.timeout(10):
                await post(f"http://127.0.0.1:{port}/", timeout_s=0.3)
        await asyncio.wait_for(hung_up.wait(), 10)
