"""A platform of which nothing runs, for what only needs to be told about one."""

from pathlib import Path

from infra.local.service import Service
from infra.local.stack import RunningStack
from streams.demo.cast import Cast, DemoKey
from streams.demo.platform import Platform
from streams.settings import Settings

API_KEY = "sk_live_" + "A" * 43


def platform_in(folder: Path) -> Platform:
    stack = RunningStack(folder, (Service("kafka", "wheel", "1", "127.0.0.1:1"),), {})
    return Platform(stack, Settings(), Cast(*(DemoKey("A" * 11, API_KEY) for _ in range(3))))
