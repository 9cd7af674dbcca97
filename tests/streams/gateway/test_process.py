"""The gateway as a process of its own."""

import asyncio
import os
import signal
import sys
from typing import Any

import httpx
import pytest

from infra.local.stack import RunningStack
from streams.compacted import CompactedView
from streams.gateway.replies import ReplyReader
from streams.gateway.serve import run
from streams.producer import Producer
from streams.settings import Settings
from tests.streams.gateway.conftest import METRICS, free_port
from tests.streams.gateway.echo import topics_on

SERVE = """
import os
from streams.gateway.serve import serve
from streams.settings import Settings
serve(Settings.read(os.environ))
"""


async def test_sigterm_ends_it_with_exit_code_zero(stack: RunningStack) -> None:
    port = free_port()
    settings = topics_on(stack, "process-test-")
    environ = {**os.environ, **stack.environment, "TOPIC_PREFIX": settings.topic_prefix, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVE, env=environ)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http, asyncio.timeout(30):
            while not await is_ready(http):
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx.ConnectError:
        return False


async def die(*_: Any) -> None:
    raise RuntimeError("it died")


@pytest.mark.parametrize(
    ("owner", "name", "dead"),
    [
        (CompactedView, "_follow", die),
        (ReplyReader, "_follow", die),
        (Producer, "broken", property(lambda _: "it died")),
    ],
    ids=["the view of the keys", "the reply reader", "the producer"],
)
async def test_what_it_stands_on_ends_it_when_it_dies(
    base: Settings, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, dead: Any
) -> None:
    monkeypatch.setattr(owner, name, dead)
    settings = base.model_copy(update={"port": free_port()})
    with pytest.raises(Exception, match="it died"):
        await asyncio.wait_for(run(settings, asyncio.Event(), METRICS), 60)
