"""Limits for any Python code: a call is a token, from a bucket of the client's own."""

import os
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from threading import Lock
from typing import Any, NamedTuple, Protocol

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from infra.asking import FIRST_CALL_S
from infra.breaker import Breaker
from infra.charging import Asked, Verdict, ask, decide, free
from infra.local_buckets import LocalBuckets
from infra.token_bucket import Terms, payload, read, script
from schemas.errors import FieldError, InvalidRequest
from schemas.keys import TIERS, hash_api_key, holds_key
from schemas.quota import Charge, Decision
from schemas.request import describe

PREFIX = "weir:adaptive"
BASIC = TIERS["basic"]
MAX_CLIENT_ID = 200


class LimitSettings(Protocol):
    """What the limiter is configured by, as `streams.settings.Settings` says it."""

    @property
    def redis_url(self) -> str: ...
    @property
    def rate_limit_enabled(self) -> bool: ...
    @property
    def rate_limit_dry_run(self) -> bool: ...


class Allowance(NamedTuple):
    """Whether a call may go on; true exactly where it may.

    info: `limit` (calls an hour), `remaining`, `reset` (epoch second at which the bucket is full again, or has a
    token where the call was refused), `retry_after` (seconds until then, 0 where it may go on).
    """

    allowed: bool
    info: Mapping[str, int]

    def __bool__(self) -> bool:
        return self.allowed


class AdaptiveRateLimiter:
    """Token buckets by client and tier, for code that runs in no event loop; threads may share one.

        limiter = AdaptiveRateLimiter()
        allowed, info = limiter.is_allowed("shop-17", tier="premium")

    Never raises for Redis's sake: while that is away, buckets in this process's memory decide.

    settings: the environment's without any. share: this process's part of every limit while Redis is away, one over
    the number of processes. timeout_s: Redis's time for a call after the first. clock_us: in place of Redis's clock.
    """

    def __init__(
        self,
        settings: LimitSettings | None = None,
        *,
        share: float = 1.0,
        timeout_s: float = 0.1,
        clock_us: Callable[[], int] | None = None,
    ) -> None:
        given = _environment() if settings is None else settings
        self._hasty = _connect(given.redis_url, timeout_s)
        self._redis = _connect(given.redis_url, max(FIRST_CALL_S, timeout_s))
        self._enabled = given.rate_limit_enabled
        self._terms = Terms(PREFIX, 1, given.rate_limit_dry_run)
        self._share = share
        self._clock_us = clock_us
        self._breaker = Breaker()
        self._local = LocalBuckets(1, dry_run=given.rate_limit_dry_run)
        self._lock = Lock()

    @property
    def degraded(self) -> bool:
        """Whether the last call was decided without Redis."""
        return self._breaker.degraded

    def is_allowed(self, client_id: str, tier: str = "basic") -> Allowance:
        """Takes a token from the client's bucket, which another tier does not fill.

        tier: one of `schemas.keys.TIERS`, any other counts as basic. Raises InvalidRequest for a client_id that
        cannot be one.
        """
        per_hour = TIERS.get(tier, BASIC)
        decision = self._decide(Charge(_checked(client_id), per_hour, max(1, per_hour // 10), 1, 0, 0, ""))
        info = {
            "limit": decision.limit,
            "remaining": decision.remaining,
            "reset": decision.reset_at,
            "retry_after": decision.retry_after,
        }
        return Allowance(decision.outcome == "admitted", info)

    def _decide(self, charge: Charge) -> Decision:
        if not self._enabled:
            return free(charge, "admitted", self._now_us())
        asked = ask("", [charge])
        verdict = self._verdict(asked)
        degraded = verdict is None
        if verdict is None:
            asked = ask("", [charge], self._share)
            with self._lock:
                verdict = self._local.charge(asked, self._now_us())
        [decision] = decide(asked, [charge], verdict, degraded=degraded)
        return decision

    def _verdict(self, asked: Asked) -> Verdict | None:
        """Redis's answer; None where it has none to give now."""
        if not self._breaker.lets_through():
            return None
        question = payload(asked, self._terms, None if self._clock_us is None else self._clock_us())
        try:
            answer = self._run(question)
        except (RedisError, OSError) as error:
            self._breaker.failed(error)
            return None
        self._breaker.answered()
        return read(asked, answer)

    def _run(self, question: bytes) -> Any:
        text, digest = script()
        redis, self._redis = self._redis, self._hasty
        try:
            return redis.evalsha(digest, 0, question)
        except NoScriptError:
            return redis.eval(text, 0, question)

    def _now_us(self) -> int:
        return time.time_ns() // 1000 if self._clock_us is None else self._clock_us()


def _connect(url: str, timeout_s: float) -> Any:
    """A client that fails within `timeout_s` seconds instead of trying again; connects when first used."""
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


def _environment() -> LimitSettings:
    # As in infra.auth.get_key_manager: users call this with nothing, and only streams.settings reads the environment.
    settings: LimitSettings = import_module("streams.settings").Settings.read(os.environ)
    return settings


def _checked(client_id: object) -> str:
    if isinstance(client_id, str) and client_id.isprintable() and 0 < len(client_id) <= MAX_CLIENT_ID:
        return hash_api_key(client_id) if holds_key(client_id) else client_id  # it becomes a name in Redis
    reason = f"must be 1 to {MAX_CLIENT_ID} printable characters"
    error = FieldError("client_id", reason, describe(client_id))
    raise InvalidRequest(f"client_id: {reason}, not {error.got}", [error])
