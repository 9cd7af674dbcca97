"""What is kept for Redis while it is away: bounded, and until Redis has confirmed it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected

from infra.charging import ask
from infra.handover import Handover
from infra.token_bucket import Terms
from tests.infra.charges import charge

TERMS = Terms("weir", 600)
CHUNK = 2048
"""The number that token_bucket.lua has."""


@dataclass
class Refusing:
    """A Redis whose pipelines end in a lost connection."""

    commands: list[tuple[Any, ...]] = field(default_factory=list)

    def pipeline(self, *, transaction: bool) -> "Refusing":
        assert not transaction
        return self

    def execute_command(self, *command: Any) -> None:
        self.commands.append(command)

    async def execute(self) -> None:
        raise Disconnected("lost")


def handover(letters: str, first: int = 0, partition: int = 0) -> Handover:
    held = Handover(TERMS)
    held.note(ask("log", [charge(first + n, partition=partition) for n in range(len(letters))]), letters)
    return held


async def codes(redis: Redis, chunk: int, count: int, partition: int = 0) -> list[int]:
    read = [word for n in range(count) for word in ("GET", "u2", n * 2)]
    answer: list[int] = await redis.execute_command("BITFIELD", f"weir:refused:log:{partition}:{chunk}", *read)
    return answer


@pytest.mark.contract("B7")
async def test_refusals_lie_where_the_script_looks_for_them_and_expire(own_redis: Redis) -> None:
    held = handover("cdfxwd", first=CHUNK - 2, partition=7)
    assert len(held) == 4
    await held.give(own_redis)
    assert not held
    assert await codes(own_redis, 1, 4, partition=7) == [0, 2, 3, 1]
    assert await own_redis.get("weir:seen:log:7") == str(CHUNK + 3).encode()
    for name in await own_redis.keys("weir:*"):
        assert TERMS.keep - 60 < await own_redis.ttl(name) <= TERMS.keep


@pytest.mark.contract("B7")
async def test_of_more_than_it_keeps_the_oldest_are_dropped(own_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.handover.MOST", 10)
    held = handover("d" * 12)
    assert len(held) == 10
    await held.give(own_redis)
    assert await codes(own_redis, 0, 12) == [0, 0] + [1] * 10


@pytest.mark.contract("B7")
async def test_what_redis_does_not_confirm_is_kept_in_its_place(own_redis: Redis) -> None:
    held, lost = handover("ddx"), Refusing()
    for most in (2, 3):
        with pytest.raises(Disconnected):
            await held.give(lost, most)  # type: ignore[arg-type]
    assert len(held) == 3
    await held.give(own_redis, 2)
    assert len(held) == 1
    assert await own_redis.get("weir:seen:log:0") is None  # else the third counted as admitted
    await held.give(own_redis, 2)
    assert not held
    assert await codes(own_redis, 0, 3) == [1, 1, 2]
    assert await own_redis.get("weir:seen:log:0") == b"2"


@pytest.mark.contract("B7")
async def test_a_partition_that_others_took_further_is_not_set_back(own_redis: Redis) -> None:
    await own_redis.set("weir:seen:log:0", "9000000000000")
    await handover("cc", first=8999999999999 - 1).give(own_redis)
    assert await own_redis.get("weir:seen:log:0") == b"9000000000000"


async def test_a_charge_of_no_record_leaves_nothing_to_hand_over() -> None:
    held, peeked = Handover(TERMS), ask("", [charge(0)])
    held.note(peeked, "d")
    held.doubt(peeked)
    assert not held


async def test_no_command_has_more_than_250_refusals() -> None:
    lost = Refusing()
    with pytest.raises(Disconnected):
        await handover("d" * 600).give(lost)  # type: ignore[arg-type]
    assert [command.count("SET") for command in lost.commands if command[0] == "BITFIELD"] == [250, 250, 100]
