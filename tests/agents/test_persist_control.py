"""Keys as they lie on their topic."""

from typing import Any

import pytest

from agents.persist import persist_keys
from schemas.message import Batch
from schemas.stored import Position
from tests.agents.scorer import FakeCounters
from tests.agents.sink import MOMENT, KeptInMemory, batch_of, letter


def key(key_id: str, **changes: Any) -> dict[str, Any]:
    fields = {"name": "a key", "key_hash": "0" * 64, "sealed_signing_key": "sealed", "created_at": MOMENT}
    return {"key_id": key_id, **fields, **changes}


async def test_a_key_is_dropped_by_a_null_and_comes_back_after_it() -> None:
    a, b = "AAAAAAAAAAA", "BBBBBBBBBBB"
    written = [
        batch_of(key(a), None, first=0, key=a.encode()),
        batch_of(key(b), None, key(b, name="again"), first=2, key=b.encode()),
    ]
    records = [record for batch in written for record in batch.records]
    store = KeptInMemory()
    assert await persist_keys(Batch("topic", records), store=store, counters=FakeCounters(), dead_letters="dead") == []
    assert [each.name for each in store.keys] == ["again"]
    assert store.deleted == [a, b]
    assert store.positions == [Position("topic", 0, 5)]


@pytest.mark.contract("R9")
async def test_what_is_no_key_is_a_dead_letter() -> None:
    store = KeptInMemory()
    batch = batch_of(key("short"), key("AAAAAAAAAAA"), b"nonsense")
    letters = [
        letter(each) for each in await persist_keys(batch, store=store, counters=FakeCounters(), dead_letters="dead")
    ]
    assert [each["reason"] for each in letters] == ["invalid", "not_json"]
    assert [each.key_id for each in store.keys] == ["AAAAAAAAAAA"]
