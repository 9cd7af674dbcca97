"""docs/examples/limit.py, as its first line tells to run it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.rate_limit import AdaptiveRateLimiter
from streams.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.mark.contract("B4")
def test_the_example_is_let_go_on_until_its_tier_is_used_up(redis_url: str, unique: Callable[..., str]) -> None:
    client, environ = unique("client"), {**os.environ, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}

    def said(*tier: str) -> str:
        command = [sys.executable, "docs/examples/limit.py", client, *tier]
        return subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    assert said() == "go on, 99 left at once, 1000 an hour\n"
    assert said("free") == "go on, 9 left at once, 100 an hour\n"
    limiter = AdaptiveRateLimiter(Settings(redis_url=redis_url))
    while limiter.is_allowed(client, tier="free"):
        pass
    assert said("free").startswith("come back in ")
