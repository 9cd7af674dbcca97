"""Redis is asked once more before it is left: a stall is no outage, and nothing is charged twice."""

import asyncio
import gc
import time
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected

from tests.infra.charges import TOPIC, charge, outcomes
from tests.infra.outages import Mute, limiter


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("stalls", [1, 2])
async def test_a_stalled_event_loop_is_not_taken_for_slow_redis(own_redis: Redis, stalls: int, connected: bool) -> None:
    """Two stalls outlast a whole try that has to connect first."""
    buckets = limiter(own_redis, timeout_s=0.15)
    await buckets.charge(TOPIC, [charge(0, 9)], 1)
    if not connected:
        await own_redis.connection_pool.disconnect()
    waiting = asyncio.create_task(buckets.charge(TOPIC, [charge(1), charge(2)], 1))
    for _ in range(stalls):
        for _turn_of_the_loop in range(3):
            await asyncio.sleep(0)
        time.sleep(0.2)
    decisions = await waiting
    assert (outcomes(decisions), decisions[0].degraded) == ("ad", False)


@pytest.mark.contract("B7")
async def test_an_answer_that_does_not_come_is_asked_for_again_and_nothing_is_charged_twice(own_redis: Redis) -> None:
    batch = [
        *(charge(n) for n in range(8)),
        charge(8, 3),
        charge(9, identity="twice"),
        charge(10, identity="twice"),
        charge(11, expired=True),
        charge(12, identity="twice", expired=True),
        charge(13),
        charge(14),
    ]
    heard = await limiter(own_redis, prefix="heard").charge(TOPIC, batch, 1)
    buckets = limiter(mute := Mute(own_redis))
    await buckets.charge(TOPIC, [charge(0, partition=1, bucket="other")], 1)
    mute.silent = 1
    decisions = await buckets.charge(TOPIC, batch, 1)
    assert mute.payloads[-2] == mute.payloads[-1]
    assert outcomes(decisions) == outcomes(heard) == "aaaaaaaadaaeaad"
    assert not any(decision.degraded for decision in decisions)
    assert (await buckets.peek("key", 10, 10)).remaining == heard[-1].remaining == 0


@pytest.mark.contract("B6", "B7")
async def test_redis_standing_still_for_less_than_two_tries_is_not_left(own_redis: Redis) -> None:
    told: list[bool] = []
    buckets = limiter(own_redis, on_degraded=told.append, timeout_s=0.4)
    await buckets.charge(TOPIC, [charge(0, 5)], 1)
    await own_redis.execute_command("CLIENT", "PAUSE", "600")
    decisions = await buckets.charge(TOPIC, [charge(1, 4), charge(2, 2), charge(3)], 1)
    assert (outcomes(decisions), decisions[-1].degraded, told) == ("ada", False, [])
    assert (await buckets.peek("key", 10, 10)).remaining == 0


@pytest.mark.contract("B6")
async def test_a_connection_that_ended_is_no_outage(own_redis: Redis) -> None:
    buckets = limiter(own_redis)
    await buckets.charge(TOPIC, [charge(0)], 1)
    await own_redis.client_kill_filter(_type="normal", skipme=False)
    assert not (await buckets.charge(TOPIC, [charge(1)], 1))[0].degraded


class CutOff:
    """A client whose call ends with an error of its own once nobody waits for it any more."""

    async def evalsha(self, *arguments: Any) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Disconnected("cut off") from None


async def test_what_is_given_up_ends_without_a_word_in_the_log() -> None:
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: said.append(context))
    client: Any = CutOff()
    buckets = limiter(client, timeout_s=0.01)
    buckets._patience_s = 0.01
    assert (await buckets.charge(TOPIC, [charge(0)], 1))[0].degraded
    gc.collect()
    assert said == []
