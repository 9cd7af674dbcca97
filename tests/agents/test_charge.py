"""Charging: what no bucket can ever pay for is refused before anybody is asked."""

from typing import Any

import pytest

from agents.admit import Candidate, Refusal, admit
from schemas import headers as h
from schemas.message import Record
from tests.agents.scorer import NOW_MS, FakeKeys, FakeLimiter, batch, clock, credential, record

GOOD = {"entity": "c-42", "features": {"a": 1}}
SMALL = FakeKeys([credential(burst=3)])


def rows(count: int, **more: Any) -> Record:
    return record({"entity": "c-42", "rows": [{"a": 1}] * count}, **more)


async def admitted(*records: Record, limiter: FakeLimiter) -> list[Candidate | Refusal]:
    return await admit(batch(*records), keys=SMALL, limiter=limiter, clock=clock)


@pytest.mark.contract("B1", "R6")
async def test_more_rows_than_the_bucket_ever_holds_are_invalid_and_nobody_is_charged() -> None:
    limiter = FakeLimiter()
    [item] = await admitted(rows(4), limiter=limiter)
    assert isinstance(item, Refusal)
    assert (item.status, item.error["code"], item.dead_letter) == ("invalid", "too_many_rows", "too_many_rows")
    assert item.error["message"] == (
        "the request has 4 rows and its key's bucket holds 3 at most: "
        "send at most 3 rows at once, or ask for a larger burst"
    )
    assert item.error["fields"] == [{"field": "rows", "reason": "must be at most 3 for this key", "got": "array of 4"}]
    assert (item.request_id, item.key_id, item.decision) == ("r-1", "aaaaaaaaaaa", None)
    assert limiter.calls == 0


@pytest.mark.contract("B1")
async def test_as_many_rows_as_the_bucket_holds_are_put_to_the_limiter() -> None:
    limiter = FakeLimiter()
    [item] = await admitted(rows(3), limiter=limiter)
    assert isinstance(item, Candidate)
    assert [charge.cost for charge in limiter.charges] == [3]


@pytest.mark.contract("B3")
@pytest.mark.parametrize(
    ("facts", "bucket"),
    [
        ({}, "aaaaaaaaaaa"),
        ({"family": "bbbbbbbbbbb"}, "bbbbbbbbbbb"),
        ({"owner": "shop"}, "aaaaaaaaaaa"),
        ({"owner": "shop", "pooled": True, "family": "bbbbbbbbbbb"}, "owner:shop"),
    ],
)
async def test_the_bucket_is_the_pools_else_the_lines_else_the_keys_own(facts: dict[str, Any], bucket: str) -> None:
    limiter = FakeLimiter()
    await admit(batch(record(GOOD)), keys=FakeKeys([credential(**facts)]), limiter=limiter, clock=clock)
    assert [charge.bucket for charge in limiter.charges] == [bucket]


async def test_the_others_of_the_batch_are_charged_and_keep_their_order() -> None:
    limiter = FakeLimiter({3: "denied"})
    given = [rows(4), record(GOOD, offset=1), rows(3, offset=2), record(GOOD, offset=3), rows(9, offset=4)]
    items = await admitted(*given, limiter=limiter)
    assert [item.record.offset for item in items] == [0, 1, 2, 3, 4]
    kinds = [item.status if isinstance(item, Refusal) else "admitted" for item in items]
    assert kinds == ["invalid", "admitted", "admitted", "rate_limited", "invalid"]
    assert (limiter.calls, [charge.offset for charge in limiter.charges]) == (1, [1, 2, 3])


async def test_how_many_rows_are_too_many_does_not_depend_on_the_deadline() -> None:
    """A redelivered record, whose deadline has passed meanwhile, ends as it did."""
    [item] = await admitted(rows(4, headers={h.DEADLINE: b"%d" % (NOW_MS - 1)}), limiter=FakeLimiter())
    assert isinstance(item, Refusal)
    assert item.status == "invalid"


async def test_a_limiter_that_refuses_nobody_takes_any_number_of_rows() -> None:
    limiter = FakeLimiter(refuses=False)
    [item] = await admitted(rows(4), limiter=limiter)
    assert isinstance(item, Candidate)
    assert [charge.cost for charge in limiter.charges] == [4]


async def test_a_denial_without_a_time_to_wait_says_to_send_fewer() -> None:
    """What a limiter answers that is asked for more than a bucket holds all the same."""
    [item] = await admitted(rows(2), limiter=FakeLimiter({0: "denied"}, retry_after=0))
    assert isinstance(item, Refusal)
    assert item.error["message"].endswith("more rows than the bucket ever holds, send fewer at once")
