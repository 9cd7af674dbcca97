"""Ground truth as it lies on its topic: who may say it, and what becomes of the rest."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.persist import persist_labels
from schemas import headers as h
from schemas.message import Record
from schemas.result import LAST_MS
from schemas.signing import MAX_AGE_MS
from tests.agents.scorer import NOW, NOW_MS, FakeCounters, FakeKeys, batch, credential, record
from tests.agents.sink import KeptInMemory, letter

TRUTH = {"request_id": "abc-123", "label": 1}


def told(value: Any = TRUTH, **changes: Any) -> Record:
    """A signed label."""
    return record(value, **{"topic": "feedback", "key": b"abc-123", "request_id": b"abc-123", **changes})


async def kept(*records: Record, keys: FakeKeys | None = None) -> tuple[KeptInMemory, list[dict[str, Any]]]:
    """What the store and the dead letters got of a batch."""
    store = KeptInMemory()
    lost = await persist_labels(
        batch(*records), keys=keys or FakeKeys(), store=store, counters=FakeCounters(), dead_letters="dead"
    )
    return store, [letter(each) for each in lost]


async def test_labels_keep_their_place_and_time() -> None:
    store, lost = await kept(told({**TRUTH, "row": 2, "source": "crm"}, offset=10))
    (label,) = store.labels
    assert lost == []
    assert (label.feedback.request_id, label.feedback.label, label.feedback.row) == ("abc-123", 1, 2)
    assert (label.topic, label.partition, label.offset, label.received_at) == ("feedback", 0, 10, NOW)


@pytest.mark.contract("F1", "R9")
@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        ({"request_id": "abc-123", "label": 2}, "invalid", "label"),
        ({"request_id": "abc-123", "label": True}, "invalid", "label"),
        ({"request_id": "abc-123", "label": 1.0}, "invalid", "label"),
        ({"request_id": "abc-123", "label": "1"}, "invalid", "label"),
        ({"request_id": "abc-123", "label": None}, "invalid", "label"),
        (b'{"request_id": "abc-123", "label": NaN}', "invalid", "label"),
        (b'{"request_id": "abc-123", "label": -Infinity}', "invalid", "label"),
        (b'{"request_id": "abc-123", "label": 1e400}', "invalid", "label"),
        ({"request_id": "abc-123", "label": 1, "source": "x" * 500_000}, "invalid", "source"),
        ({"request_id": "abc-123", "label": 1, "source": "x" * 2_000_000}, "too_large", "at most 1048576"),
        pytest.param(b"[" * 100_000, "too_deep", "nested", id="deep"),
        ({"label": 1}, "invalid", "request_id"),
        (b"{", "not_json", "JSON"),
        (b"", "empty", "empty"),
    ],
)
async def test_what_is_no_label_is_a_dead_letter(value: Any, reason: str, says: str) -> None:
    store, [lost] = await kept(told(value), told(offset=1))
    assert lost["reason"] == reason
    assert says in lost["message"]
    assert len(lost["message"]) < 1000
    assert [label.offset for label in store.labels] == [1]


@pytest.mark.contract("F1")
async def test_labels_of_one_row_in_one_batch_are_all_handed_on_in_the_order_of_the_log() -> None:
    said = [1, 1, 0]
    store, lost = await kept(*(told({**TRUTH, "label": label}, offset=place) for place, label in enumerate(said)))
    assert lost == []
    assert [(label.offset, label.feedback.label) for label in store.labels] == [*enumerate(said)]


@pytest.mark.contract("K4", "K8", "F1")
@pytest.mark.parametrize(
    "doubtful",
    [
        told()._replace(headers=()),
        told(without=[h.REQUEST_ID]),
        told(request_id=b"a b"),
        told(without=[h.KEY_ID]),
        told(without=[h.SIGNATURE]),
        told(without=[h.SIGNED_AT]),
        told(key_id=b"bbbbbbbbbbb"),
        told(secret=b"another"),
        told(headers={h.SIGNATURE: b"0" * 64}),
        told(headers={h.REQUEST_ID: b"r-2"}),
        told(topic="prediction-requests")._replace(topic="feedback"),
        told()._replace(key=b"abc-124"),
        told()._replace(key=None),
        told()._replace(value=b'{"request_id":"abc-123","label":0}'),
        told()._replace(value=None),
        told(signed_at=NOW_MS - MAX_AGE_MS - 1),
        told(signed_at=NOW_MS + MAX_AGE_MS + 1),
        told(timestamp=-1),
        told(timestamp=2**62),
    ],
    ids=lambda given: "",
)
async def test_a_label_whose_sender_is_in_doubt_is_one_dead_letter_and_the_next_is_stored(doubtful: Record) -> None:
    store, lost = await kept(doubtful, told(offset=1))
    assert [each["reason"] for each in lost] == ["unauthorized"]
    assert [label.offset for label in store.labels] == [1]
    assert [position.next_offset for position in store.positions] == [2]


@pytest.mark.contract("K4", "F1")
async def test_a_label_of_a_key_that_may_not_predict_is_forbidden() -> None:
    other = credential("bbbbbbbbbbb", permissions=["admin", "monitor"])
    store, lost = await kept(told(key_id=b"bbbbbbbbbbb"), told(offset=1), keys=FakeKeys([credential(), other]))
    assert [each["reason"] for each in lost] == ["forbidden"]
    assert [label.offset for label in store.labels] == [1]


@pytest.mark.contract("K4", "K8", "F1")
@pytest.mark.parametrize(
    ("ends", "reasons"),
    [
        ({"revoked_at": NOW + timedelta(milliseconds=1)}, []),
        ({"revoked_at": NOW}, ["unauthorized"]),
        ({"expires_at": NOW}, []),
        ({"expires_at": NOW - timedelta(milliseconds=1)}, ["unauthorized"]),
    ],
)
async def test_a_key_counts_as_it_was_when_the_broker_got_the_label(ends: Any, reasons: Sequence[str]) -> None:
    _, lost = await kept(told(), keys=FakeKeys([credential(**ends)]))
    assert [each["reason"] for each in lost] == reasons


@pytest.mark.contract("R9")
@pytest.mark.parametrize("timestamp", [LAST_MS + 1, 2**63 - 1])
async def test_a_time_beyond_the_calendar_crashes_nobody(timestamp: int) -> None:
    store, lost = await kept(told(signed_at=timestamp, timestamp=timestamp))
    assert lost == []
    assert [label.received_at for label in store.labels] == [datetime(1970, 1, 1, tzinfo=UTC)]


@pytest.mark.contract("R9")
async def test_a_repeated_header_is_a_dead_letter() -> None:
    doubled = told()
    _, lost = await kept(doubled._replace(headers=[*doubled.headers, (h.REQUEST_ID, b"abc-123")]))
    assert [each["reason"] for each in lost] == ["repeated_header"]
