"""The records that end a request: who is told what, and what becomes of a result that is no record."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.answer import Scorer
from agents.ending import MAX_KEY_BYTES, Outlets, bare_error
from models.bundle import Bundle, read_bundle
from schemas import headers as h
from schemas.dead_letter import MAX_KEPT_BYTES, dead_letter
from schemas.message import Emission, Record
from schemas.request import MAX_ROWS
from schemas.result import MAX_RESULT_BYTES
from schemas.wire import MAX_BODY_BYTES
from tests.agents.largest import NAMES, asking_for_most, largest_request
from tests.agents.scorer import NOW_MS, FakeCounters, FakeKeys, FakeLimiter, batch, clock, credential, record
from tests.models.conftest import published  # noqa: F401
from tests.models.routing.plans import champions

REPLY = {h.REPLY_PARTITION: b"3", h.REPLY_INSTANCE: b"gateway-1"}
OUTLETS = Outlets("results", "replies", "dead-letters", 4, "mirrored")
DENIED = 7


@pytest.fixture(scope="module")
def bundle(published: dict[str, Mapping[str, bytes]]) -> Bundle:  # noqa: F811
    return read_bundle(published["logistic_regression"])


def scorer(bundle: Bundle, **limits: Any) -> Scorer:
    limiter = FakeLimiter({DENIED: "denied"}, **limits)
    keys = FakeKeys([credential(burst=MAX_ROWS)])
    return Scorer(keys, limiter, champions({"churn": bundle}), clock, FakeCounters(), OUTLETS)


def bodies(emissions: Sequence[Emission]) -> dict[str, dict[str, Any]]:
    return {emission.topic: orjson.loads(emission.value) for emission in emissions}


ROW = {name: 1.5 for name in NAMES}


@pytest.mark.contract("R6")
@pytest.mark.parametrize(
    "asked",
    [
        record({"features": ROW}, headers=REPLY),
        record({"rows": [ROW, ROW]}, headers=REPLY),
        record({"features": {}}, headers=REPLY),
        record({"features": ROW}, headers=REPLY, offset=DENIED),
        record({"features": ROW}, headers={**REPLY, h.DEADLINE: b"1"}),
        record(b"{", headers=REPLY),
    ],
    ids=["ok", "rows", "invalid", "rate_limited", "expired", "no JSON"],
)
async def test_the_result_tells_whose_key_it_was_and_the_callers_reply_does_not(bundle: Bundle, asked: Record) -> None:
    emissions = await scorer(asking_for_most(bundle))(batch(asked))
    told = bodies(emissions)
    assert told["results"]["key_id"] == "aaaaaaaaaaa"
    assert "key_id" not in told["replies"]
    assert dict(emissions[0].headers)[h.KEY_ID] == b"aaaaaaaaaaa"
    assert "features" not in told["replies"]
    assert all("features" not in row for row in told["replies"].get("rows", ()))


def bucket_of(emission: Emission) -> Any:
    """What a record tells of the bucket, None where it tells nothing."""
    return orjson.loads(dict(emission.headers).get(h.RATE_LIMIT, b"null"))


@pytest.mark.contract("B5")
@pytest.mark.parametrize(("offset", "retry_after"), [(0, 0), (DENIED, 4)], ids=["ok", "rate_limited"])
async def test_result_and_reply_tell_the_bucket_as_the_charge_left_it(
    bundle: Bundle, offset: int, retry_after: int
) -> None:
    emissions = await scorer(asking_for_most(bundle))(batch(record({"features": ROW}, headers=REPLY, offset=offset)))
    told = {"limit": 1000, "remaining": 7, "reset": NOW_MS // 1000 + 4, "retry_after": retry_after}
    assert {emission.topic: bucket_of(emission) for emission in emissions} == {"results": told, "replies": told}


@pytest.mark.contract("B5")
async def test_where_no_bucket_was_asked_none_is_told(bundle: Bundle) -> None:
    stage = scorer(asking_for_most(bundle))
    emissions = await stage(batch(record(b"{", headers=REPLY), record({"features": ROW}, headers=REPLY, secret=b"x")))
    assert [bucket_of(emission) for emission in emissions if emission.topic != "dead-letters"] == [None] * 4


@pytest.mark.contract("B1", "B5")
async def test_where_limits_are_switched_off_no_bucket_is_told(bundle: Bundle) -> None:
    stage = scorer(asking_for_most(bundle), limited=False)
    late = record({"features": ROW}, headers={**REPLY, h.DEADLINE: b"1"}, offset=1)
    emissions = await stage(batch(record({"features": ROW}, headers=REPLY), late))
    assert [emission.topic for emission in emissions] == ["results", "replies"] * 2 + ["dead-letters"]
    assert [bucket_of(emission) for emission in emissions[:4]] == [None] * 4


@pytest.mark.contract("K8")
@pytest.mark.parametrize("asked", [{"features": ROW}, b" " * (MAX_BODY_BYTES + 1)], ids=["body", "large body"])
async def test_a_forged_record_names_no_key_in_its_result(bundle: Bundle, asked: Any) -> None:
    [result, *_] = await scorer(asking_for_most(bundle))(batch(record(asked, secret=b"forged")))
    assert orjson.loads(result.value)["key_id"] is None
    assert h.KEY_ID not in dict(result.headers)


@pytest.mark.contract("R6")
async def test_the_largest_request_that_is_read_gets_an_answer_of_one_record(bundle: Bundle) -> None:
    result, reply = await scorer(asking_for_most(bundle))(batch(record(largest_request(), headers=REPLY)))
    body = orjson.loads(result.value)
    assert body["status"] == "ok"
    assert [row["features"] for row in body["rows"]] == [dict.fromkeys(NAMES, 1e15)] * MAX_ROWS
    assert 2.8 * MAX_BODY_BYTES < len(result.value) <= MAX_RESULT_BYTES
    assert len(reply.value) < len(result.value)


@pytest.mark.contract("R6", "R9")
async def test_a_result_that_is_no_record_ends_as_error_under_an_id_that_the_log_has(
    bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    wordy = asking_for_most(bundle, ("no" * 600, "yes" * 400))
    stage = scorer(wordy)
    emissions = await stage(batch(record(largest_request(), headers=REPLY), record({"features": ROW}, offset=1)))
    result, reply, dead, after = emissions
    body = orjson.loads(result.value)
    assert (body["status"], body["error"]["code"]) == ("error", "result_too_large")
    assert (body["model_version"], body["key_id"]) == (wordy.version, "aaaaaaaaaaa")
    assert orjson.loads(reply.value)["error"] == body["error"]
    [logged] = [entry.__dict__["data"] for entry in caplog.records]
    assert (logged["error_id"], logged["request_id"]) == (body["error"]["error_id"], body["request_id"])
    letter = orjson.loads(dead.value)
    assert (letter["reason"], letter["offset"]) == ("result_too_large", 0)
    assert orjson.loads(after.value)["status"] == "ok"
    assert stage.counters.ended == [(wordy.version, "error", 1), (wordy.version, "ok", 1)]  # type: ignore[attr-defined]
    assert stage.counters.dead == {"result_too_large": 1}  # type: ignore[attr-defined]


names = st.one_of(st.sampled_from(["request-id", "key-id", "traceparent", "signature"]), st.text(), st.just("\ud800"))
contents = st.one_of(st.none(), st.binary(), st.just(b"x" * 100_000))


@pytest.mark.contract("R9")
@given(
    st.one_of(st.none(), st.binary(), st.just(b"k" * 100_000)),
    st.one_of(st.none(), st.binary(), st.just(bytes(range(256)) * 10_000)),
    st.lists(st.tuples(names, contents), max_size=70),
    st.integers(-1, 2**63 - 1),
    st.text(),
)
def test_every_record_has_a_dead_letter_that_can_be_sent(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, Any]], timestamp: int, message: str
) -> None:
    letter = dead_letter("dead-letters", Record("t", 1, 2, timestamp, key, value, headers), "crashed", message)
    assert len(letter.value) < 2 * MAX_KEPT_BYTES
    body = orjson.loads(letter.value)
    assert (body["topic"], body["partition"], body["offset"], body["size"]) == ("t", 1, 2, len(value or b""))


class Unreadable:
    """Headers with a bug."""

    def __iter__(self) -> Any:
        raise ZeroDivisionError


@pytest.mark.contract("R9")
@pytest.mark.parametrize("headers", [[], [(h.REQUEST_ID, None)], [(h.REQUEST_ID, b"a b")], Unreadable(), None])
def test_a_record_without_a_readable_request_id_has_no_bare_error_and_raises_nothing(headers: Any) -> None:
    assert bare_error(record({})._replace(headers=headers), {}, 1, OUTLETS) == []


def test_a_bare_error_has_no_longer_key_than_a_result() -> None:
    [error] = bare_error(record({}, key=b"k" * 2_000_000), {"code": "internal", "message": "m"}, 1, OUTLETS)
    assert error.key == b"k" * MAX_KEY_BYTES
