"""Why senders are unknown: operators see it counted, callers are told one and the same thing."""

from datetime import timedelta

import orjson
import pytest

from agents.answer import Scorer
from agents.ending import Outlets
from agents.persist import persist_labels
from schemas import headers as h
from schemas.message import Record
from schemas.signing import MAX_AGE_MS
from tests.agents.scorer import NOW, NOW_MS, FakeCounters, FakeKeys, FakeLimiter, batch, clock, credential, record
from tests.agents.sink import KeptInMemory
from tests.models.routing.plans import champions

GOOD = {"entity": "c-42", "features": {"a": 1}}
UNSIGNED = (h.KEY_ID, h.SIGNED_AT, h.SIGNATURE)
PLAIN = "sk_test_" + "p" * 43
BRINGS_ITS_KEY = record(GOOD, headers={h.API_KEY: PLAIN.encode()}, without=UNSIGNED)
PAST = NOW - timedelta(microseconds=1)

DOUBTS = [
    (record(GOOD, key_id=b"bbbbbbbbbbb"), FakeKeys(), "unknown_key"),
    (record(GOOD, without=UNSIGNED), FakeKeys(), "unknown_key"),
    (BRINGS_ITS_KEY, FakeKeys(plain={"sk_test_another": credential()}), "unknown_key"),
    (record(GOOD), FakeKeys([credential(expires_at=PAST)]), "ended"),
    (record(GOOD), FakeKeys([credential(revoked_at=NOW)]), "ended"),
    (BRINGS_ITS_KEY, FakeKeys(plain={PLAIN: credential(revoked_at=PAST)}), "ended"),
    (record(GOOD, secret=b"another"), FakeKeys(), "signature"),
    (record(GOOD, without=[h.SIGNATURE]), FakeKeys(), "signature"),
    (record(GOOD, topic="shop.prediction-requests")._replace(topic="prediction-requests"), FakeKeys(), "signature"),
    (record(GOOD)._replace(key=b"c-43"), FakeKeys(), "signature"),
    (record(GOOD, key=b"a\nb"), FakeKeys(), "signature"),
    (record(GOOD, secret=b"another"), FakeKeys([credential(revoked_at=PAST)]), "signature"),
    (record(GOOD, signed_at=NOW_MS - MAX_AGE_MS - 1), FakeKeys(), "stale"),
    (record(GOOD, signed_at=NOW_MS + MAX_AGE_MS + 1), FakeKeys(), "stale"),
    (record(GOOD, signed_at=NOW_MS // 1000), FakeKeys(), "stale"),
    (record(GOOD, headers={h.SIGNED_AT: b"2026-11-24T09:00:00Z"}), FakeKeys(), "stale"),
    (BRINGS_ITS_KEY, FakeKeys(), "not_allowed"),
]


@pytest.mark.contract("K4", "K8")
@pytest.mark.parametrize(
    ("given", "keys", "doubt"), DOUBTS, ids=[f"{n}-{doubt}" for n, (*_, doubt) in enumerate(DOUBTS)]
)
async def test_a_refused_sender_is_counted_by_what_was_wrong_and_not_told(
    given: Record, keys: FakeKeys, doubt: str
) -> None:
    counters = FakeCounters()
    stage = Scorer(
        keys, FakeLimiter(), champions({}), clock, counters, Outlets("results", "replies", "dead", 4, "mirrored")
    )
    [result] = await stage(batch(given))
    body = orjson.loads(result.value)
    assert dict(counters.doubts) == {doubt: 1}
    assert body["error"] == {
        "code": "unauthorized",
        "message": "the key or the signature is not valid; see docs/producing.md on signing",
    }
    assert f'"{doubt}"'.encode() not in result.value
    assert not {doubt.encode()} & set(dict(result.headers).values())


async def test_who_is_known_is_in_no_doubt_and_a_batch_adds_up() -> None:
    counters = FakeCounters()
    stage = Scorer(
        FakeKeys([credential(), credential("adminonly00", permissions=["admin"])]),
        FakeLimiter(), champions({}), clock, counters, Outlets("results", "replies", "dead", 4, "mirrored"),
    )  # fmt: skip
    await stage(
        batch(
            record(GOOD),
            record(b"{"),
            record(GOOD, key_id=b"adminonly00"),
            *(record(GOOD, secret=b"another") for _ in range(3)),
            record(GOOD, signed_at=1),
        )
    )
    assert dict(counters.doubts) == {"signature": 3, "stale": 1}


@pytest.mark.contract("K8")
async def test_the_sink_counts_the_senders_of_labels_likewise() -> None:
    counters, truth = FakeCounters(), {"request_id": "r-1", "label": 1}
    told = [
        record(truth, key=b"r-1"),
        record(truth, key=b"r-1", key_id=b"bbbbbbbbbbb"),
        record(truth, key=b"r-2", secret=b"another"),
        record(truth, key=b"r-1", without=[h.REQUEST_ID]),
        record(truth, key=b"r-1", signed_at=1),
        record(truth, key=b"r-1", key_id=b"adminonly00"),
    ]
    keys = FakeKeys([credential(), credential("adminonly00", permissions=["admin"])])
    await persist_labels(batch(*told), keys=keys, store=KeptInMemory(), counters=counters, dead_letters="dead")
    assert dict(counters.doubts) == {"unknown_key": 1, "signature": 2, "stale": 1}
    assert counters.dead == {"unauthorized": 4, "forbidden": 1}
