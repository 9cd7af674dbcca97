"""The fast lane lets nobody through whom the exact path refuses, and finds the same where both accept."""

import gc
import weakref
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.admit import examine
from agents.candidate import Candidate
from agents.fast_lane import FastLane
from schemas import headers as h
from schemas.message import Record
from schemas.signing import MAX_AGE_MS
from schemas.wire import MAX_BODY_BYTES, decode
from tests.agents.scorer import NOW, NOW_MS, FakeKeys, credential, record

GOOD = {"entity": "c-42", "features": {"a": 1}}
KEYS = FakeKeys(
    [
        credential(),
        credential("expired0000", expires_at=NOW - timedelta(seconds=1)),
        credential("revoked0000", revoked_at=NOW),
        credential("adminonly00", permissions=["admin"]),
    ]
)

values = st.one_of(
    st.just(GOOD),
    st.just({**GOOD, "model": "churn"}),
    st.just({**GOOD, "model": ""}),
    st.just({**GOOD, "model": None}),
    st.just({**GOOD, "explain": True}),
    st.just({**GOOD, "explain": 1}),
    st.just({**GOOD, "explain": None}),
    st.just({**GOOD, "extra": 1}),
    st.just({"entity": "c-42", "rows": [{"a": 1}]}),
    st.just({"entity": "c-42", "model": "churn"}),
    st.just({"entity": "c-43", "features": {}}),
    st.just({"entity": 42, "features": {}}),
    st.just({"features": {}}),
    st.just([]),
    st.just(None),
    st.just(b""),
    st.just(b"{"),
    st.just(b'{"entity": "c-42", "features": {"a": NaN}}'),
    st.just(b'{"entity": "c-42", "entity": "c-43", "features": {"a": 1}}'),
    st.just(b'{"entity": "c-42", "features": {"a": 1e999}}'),
    st.just(b'{"entity": "c-42", "features": {"a": 1' + b"0" * 400 + b"}}"),
    st.just(b'{"entity": "c-42", "features": {"a": -1' + b"0" * 5000 + b"}}"),
    st.just(b'{"entity": "c-42", "features": {"a": 1,}}'),
    st.just(b'{"entity": "c-42", "features": {"a": 01}}'),
    st.just(b'{"entity": "c-42", "features": {"a": "\xff"}}'),
    st.just(b'{"entity": "c-42", "features": {"a": "\xed\xa0\x80"}}'),
    st.just(b'{"entity": "c-42", "features": {"a": "\\ud800"}}'),
    st.just('{"entity": "c-42", "features": {"ä": "ö"}}'.encode()),
    st.just(b'{"entity": "c-42", "features": {"a": 1}} {'),
    st.just(b'{"entity": "c-42", "features": 5, "model": 5}'),
    st.builds(
        lambda text, at, junk: text[:at] + junk + text[at + len(junk) // 2 :],
        st.just(b'{"entity": "c-42", "model": "m", "features": {"a": 1.5, "b": "x"}}'),
        st.integers(0, 66),
        st.binary(max_size=3),
    ),
    st.just(b"[" * 40 + b"]" * 40),
    st.just(b'{"entity":"c-42","features":' + b"[" * 40 + b"]" * 40 + b"}"),
    st.just(b'"' + b"x" * MAX_BODY_BYTES + b'"'),
    st.dictionaries(st.sampled_from(["entity", "model", "features", "rows", "x"]), st.sampled_from(["c-42", {}, 1])),
)
headers = st.dictionaries(
    st.sampled_from([h.REQUEST_ID, h.KEY_ID, h.DEADLINE, h.SIGNATURE, h.SIGNED_AT, h.TRACEPARENT, h.SCHEMA_VERSION]),
    st.one_of(
        st.sampled_from([b"%d" % (NOW_MS + d) for d in (-1, 0, 1, MAX_AGE_MS, MAX_AGE_MS + 1)]),
        st.sampled_from([b"", b"x" * 20_000, b"\xff", b"-5", "²".encode(), b"9" * 30, None]),
    ),
    max_size=2,
)
records = st.builds(
    lambda value, signed, keyed, request_id, key_id, offset_ms, more, without, twice: record(
        value,
        key=keyed,
        request_id=request_id,
        key_id=key_id,
        secret=signed,
        timestamp=NOW_MS + offset_ms,
        headers=more,
        without=without,
    )._replace(**({"headers": [("a", b""), ("a", b"")]} if twice else {})),
    values,
    st.sampled_from([b"s" * 32] * 4 + [b"forged"]),
    st.sampled_from([b"c-42"] * 4 + [None, b"", b"c\n42", b"\xff"]),
    st.sampled_from([b"r-1"] * 4 + [b"", b"a b", b"r" * 129]),
    st.sampled_from([b"aaaaaaaaaaa"] * 4 + [b"expired0000", b"revoked0000", b"adminonly00", b"unknown", b"\xff"]),
    st.sampled_from([0] * 4 + [MAX_AGE_MS, MAX_AGE_MS + 1, -MAX_AGE_MS - 1, -NOW_MS - 1]),
    headers,
    st.lists(st.sampled_from([h.REQUEST_ID, h.KEY_ID, h.SIGNED_AT, h.SIGNATURE]), max_size=1),
    st.sampled_from([False] * 9 + [True]),
)


@pytest.mark.contract("K4", "K8", "R3", "R8")
@given(records)
def test_what_the_fast_lane_finds_the_exact_path_finds_too(given_record: Record) -> None:
    fast = FastLane(KEYS, NOW)(given_record)
    if fast is not None:
        [text] = fast.request.rows
        fast.request = replace(fast.request, rows=[decode(bytes(text))])
        assert fast == examine(given_record, keys=KEYS, now=NOW)


@pytest.mark.parametrize(
    "usual",
    [
        record(GOOD),
        record({**GOOD, "model": "churn"}),
        record({**GOOD, "explain": True}),
        record(GOOD, headers={h.DEADLINE: b"%d" % (NOW_MS + 1), h.REPLY_PARTITION: b"1", h.REPLY_INSTANCE: b"i"}),
        record(GOOD, headers={h.DEADLINE: b"%d" % (NOW_MS - 1)}),
    ],
)
def test_usual_records_take_the_fast_lane(usual: Record) -> None:
    assert FastLane(KEYS, NOW)(usual) is not None


@pytest.mark.parametrize(
    "unusual",
    [
        record({"entity": "c-42", "rows": [{"a": 1}]}),
        record(GOOD, key=None),
        record({"entity": "c-42", "features": {"a": [{}] * 40}}),
    ],
)
def test_what_the_fast_lane_leaves_the_exact_path_may_still_admit(unusual: Any) -> None:
    assert FastLane(KEYS, NOW)(unusual) is None
    assert isinstance(examine(unusual, keys=KEYS, now=NOW), Candidate)


def test_a_lane_is_gone_with_its_batch_and_not_left_to_the_garbage_collector() -> None:
    lane = FastLane(KEYS, NOW)
    assert lane(record(GOOD)) is not None
    gc.disable()
    try:
        gone = weakref.ref(lane)
        del lane
        assert gone() is None
    finally:
        gc.enable()
