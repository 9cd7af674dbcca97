"""What a client asks again, and when it leaves it."""

import asyncio
from collections.abc import Sequence
from time import monotonic

import pytest

from schemas.errors import InvalidRequest
from schemas.keys import new_api_key
from streams.client import WeirClient
from streams.gateway.pending import RateState, Reply
from streams.limit_wait import ON_LIMIT, check_on_limit, until_admitted

OK = Reply(b"ok", RateState(7200, 0, 0, 0))


def denied(retry_after: int) -> Reply:
    return Reply(b"denied", RateState(7200, 0, 0, retry_after))


class Scorer:
    """Answers each round of asks with the next list of replies."""

    def __init__(self, *rounds: list[Reply | None]) -> None:
        self._rounds = list(rounds)
        self.asked: list[list[str]] = []
        self.patience: list[float] = []

    async def __call__(self, asks: Sequence[str], within_s: float) -> list[Reply | None]:
        self.asked.append(list(asks))
        self.patience.append(within_s)
        return self._rounds.pop(0)


async def test_the_denied_are_asked_again_as_many_as_tokens_came_and_take_their_own_places() -> None:
    scorer = Scorer([OK, denied(1), denied(1), denied(1)], [OK, OK], [OK])
    began = monotonic()
    assert await until_admitted(scorer, ["a", "b", "c", "d"], 30) == [OK] * 4
    assert monotonic() - began >= 2
    assert scorer.asked == [["a", "b", "c", "d"], ["b", "c"], ["d"]]  # 7200 an hour are two in a second


async def test_what_cannot_be_admitted_in_time_stays_denied_at_once() -> None:
    scorer = Scorer([denied(60), OK])
    async with asyncio.timeout(5):
        assert await until_admitted(scorer, ["a", "b"], 30) == [denied(60), OK]
    assert len(scorer.asked) == 1


async def test_the_second_time_has_only_what_the_first_left() -> None:
    scorer = Scorer([denied(1)], [OK])
    await until_admitted(scorer, ["a"], 30)
    assert scorer.patience[0] == 30
    assert scorer.patience[1] <= 29


async def test_a_reply_that_did_not_come_and_one_that_can_never_pass_are_not_asked_again() -> None:
    never = Reply(b"too many rows", RateState(7200, 5, 0, 0))
    scorer = Scorer([None, never])
    assert await until_admitted(scorer, ["a", "b"], 30) == [None, never]
    assert len(scorer.asked) == 1


@pytest.mark.parametrize("on_limit", ["wiat", "Wait", "", None, True, ["wait"]])
async def test_what_is_neither_return_nor_wait_is_refused_before_anything_is_sent(on_limit: object) -> None:
    client = WeirClient("127.0.0.1:9", api_key=new_api_key(), key_id="A" * 11)
    for asked in (client.predict({"a": 1}, on_limit=on_limit), client.predict_many([], on_limit=on_limit)):  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="on_limit must be one of return, wait") as refused:
            await asked
        assert [field.field for field in refused.value.fields] == ["on_limit"]


def test_the_known_ones_pass() -> None:
    assert ON_LIMIT == ("return", "wait")
    for on_limit in ON_LIMIT:
        check_on_limit(on_limit)
