"""`weir limits`: what is left in a key's token bucket, and filling it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import click

from infra.rate_limit import RedisLimiter, connect
from schemas.errors import Unavailable
from schemas.keys import ApiKey
from schemas.quota import Decision
from streams.bring_up import local_settings
from streams.cli.key_output import ID_FIRST, json_option, manager, unknown


@click.group()
def limits() -> None:
    """Look into the token buckets that keys spend from, and fill them."""


@limits.command(context_settings=ID_FIRST)
@click.argument("key_id")
@json_option
def show(key_id: str, as_json: bool) -> None:
    """Show what is left in the bucket of a key; costs nothing."""
    key = manager().get(key_id) or unknown(key_id)
    _print(_described(key, asyncio.run(_peek(key))), as_json=as_json)


@limits.command(context_settings=ID_FIRST)
@click.argument("key_id")
@json_option
def reset(key_id: str, as_json: bool) -> None:
    """Fill the bucket of a key, which every key that spends from it has a part in."""
    key = manager().get(key_id) or unknown(key_id)
    _print(_described(key, asyncio.run(_fill(key))), as_json=as_json)


@asynccontextmanager
async def _limiter() -> AsyncIterator[RedisLimiter]:
    settings = local_settings(os.environ)
    redis = connect(settings.redis_url)
    limiter = RedisLimiter(redis, logs={}, prefix=settings.bucket_prefix, timeout_s=1.0)
    try:
        yield limiter
    finally:
        await limiter.close()
        await redis.aclose()


async def _peek(key: ApiKey) -> Decision:
    async with _limiter() as limiter:
        return await _state(limiter, key)


async def _fill(key: ApiKey) -> Decision:
    async with _limiter() as limiter:
        await limiter.reset(key.bucket)
        return await _state(limiter, key)


async def _state(limiter: RedisLimiter, key: ApiKey) -> Decision:
    state = await limiter.peek(key.bucket, key.rate_limit, key.capacity)
    if state.degraded:
        raise Unavailable("redis", "the buckets cannot be read: is REDIS_URL right, and Redis up (`weir status`)?")
    return state


def _described(key: ApiKey, state: Decision) -> dict[str, Any]:
    """full: when the bucket will be, in ISO 8601."""
    return {
        "id": key.key_id,
        "name": key.name,
        "bucket": key.bucket,
        "limit": key.rate_limit,
        "burst": key.capacity,
        "remaining": state.remaining,
        "full": datetime.fromtimestamp(state.reset_at, UTC).isoformat(),
    }


def _print(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in {**facts, "limit": f"{facts['limit']}/h"}.items():
        click.echo(f"{name:<12} {value}")
