"""Admission: who is let in, and how everybody else ends."""

from datetime import timedelta
from typing import Any

import pytest

from agents.admit import Candidate, Refusal, admit, requested_ms
from schemas import headers as h
from schemas.message import Record
from schemas.result import LAST_MS
from schemas.signing import MAX_AGE_MS
from schemas.wire import MAX_BODY_BYTES, encode
from tests.agents.scorer import NOW, NOW_MS, FakeKeys, FakeLimiter, batch, clock, credential, record

GOOD = {"entity": "c-42", "features": {"a": 1}}


async def one(
    given: Record, *, keys: FakeKeys | None = None, limiter: FakeLimiter | None = None
) -> Candidate | Refusal:
    [item] = await admit(batch(given), keys=keys or FakeKeys(), limiter=limiter or FakeLimiter(), clock=clock)
    return item


async def refused(given: Record, **needs: Any) -> Refusal:
    item = await one(given, **needs)
    assert isinstance(item, Refusal)
    return item


async def test_a_signed_record_of_a_known_key_is_admitted() -> None:
    item = await one(record(GOOD))
    assert isinstance(item, Candidate)
    assert (item.request_id, item.entity, item.key_id) == ("r-1", "c-42", "aaaaaaaaaaa")
    assert item.decision is not None


@pytest.mark.contract("K4", "K8", "R6", "B6")
@pytest.mark.parametrize(
    "given",
    [
        record(GOOD, key_id=b"bbbbbbbbbbb"),
        record(GOOD, without=[h.KEY_ID]),
        record(GOOD, without=[h.SIGNATURE]),
        record(GOOD, without=[h.SIGNED_AT]),
        record(GOOD, headers={h.SIGNATURE: b"0" * 64}),
        record(GOOD, headers={h.SIGNATURE: b"\xff" * 64}),
        record(GOOD, secret=b"another"),
        record(GOOD)._replace(key=b"c-43"),
        record(GOOD)._replace(value=b'{"entity":"c-42","features":{"a":2}}'),
        record(GOOD)._replace(topic="feedback"),
        record(GOOD, headers={h.REQUEST_ID: b"r-2"}),
        record(GOOD, signed_at=NOW_MS - MAX_AGE_MS - 1),
        record(GOOD, signed_at=NOW_MS + MAX_AGE_MS + 1),
        record(GOOD, key=b"a\nb"),
    ],
    ids=lambda given: "",
)
async def test_a_record_whose_sender_is_in_doubt_ends_as_unauthorized_and_costs_nothing(given: Record) -> None:
    limiter = FakeLimiter()
    item = await refused(given, limiter=limiter)
    assert item.status == "unauthorized"
    assert item.key_id is None
    assert item.dead_letter is None
    assert limiter.charges == []


@pytest.mark.contract("K4")
async def test_all_unauthorized_look_the_same() -> None:
    expired = FakeKeys([credential(expires_at=NOW - timedelta(microseconds=1))])
    revoked = FakeKeys([credential(revoked_at=NOW)])
    errors = [(await refused(record(GOOD), keys=keys)).error for keys in (expired, revoked, FakeKeys([]))] + [
        (await refused(record(GOOD, secret=b"forged"))).error
    ]
    assert all(error == errors[0] for error in errors)


@pytest.mark.contract("K3", "K4")
async def test_a_key_is_good_at_its_expiry_and_refused_without_the_permission() -> None:
    assert isinstance(await one(record(GOOD), keys=FakeKeys([credential(expires_at=NOW)])), Candidate)
    item = await refused(record(GOOD), keys=FakeKeys([credential(permissions=["admin", "monitor"])]))
    assert item.status == "forbidden"
    assert item.key_id == "aaaaaaaaaaa"


@pytest.mark.contract("R3", "R9")
@pytest.mark.parametrize(
    ("given", "reason", "request_id"),
    [
        (record(b"{"), "not_json", "r-1"),
        (record(b"\xef\xbb\xbf" + encode(GOOD)), "not_json", "r-1"),
        (record(b""), "empty", "r-1"),
        (record(b"[" * 40 + b"]" * 40), "too_deep", "r-1"),
        (record(b" " * (MAX_BODY_BYTES + 1)), "too_large", "r-1"),
        (record(GOOD, key=b"\xff\xfe"), "key_not_text", "r-1"),
        (record(GOOD, headers={f"h{i}": b"" for i in range(40)}), "too_many_headers", "r-1"),
        (record(GOOD, headers={"h": b"x" * 20_000}), "headers_too_large", "r-1"),
        (record(GOOD, without=[h.REQUEST_ID]), "no_request_id", None),
        (record(GOOD, request_id=b"a b"), "no_request_id", None),
        (record(GOOD)._replace(headers=[(h.REQUEST_ID, b"a"), (h.REQUEST_ID, b"b")]), "repeated_header", None),
    ],
)
async def test_a_record_that_cannot_be_read_is_a_dead_letter(
    given: Record, reason: str, request_id: str | None
) -> None:
    item = await refused(given)
    assert (item.status, item.dead_letter, item.request_id) == ("invalid", reason, request_id)


@pytest.mark.parametrize("entity", ["\u0416" * 256, "\U0001f600" * 256], ids=["two bytes each", "four"])
async def test_the_longest_entity_is_kept_whole_by_a_refusal(entity: str) -> None:
    item = await refused(record(b"{", key=entity.encode()))
    assert (item.status, item.entity) == ("invalid", entity)


@pytest.mark.contract("R3")
async def test_the_size_is_judged_before_the_sender() -> None:
    item = await refused(record(b"x" * (MAX_BODY_BYTES + 1), secret=b"forged"))
    assert item.dead_letter == "too_large"


@pytest.mark.contract("R3", "K8")
@pytest.mark.parametrize(
    ("given", "key_id"),
    [
        (record(b"x" * (MAX_BODY_BYTES + 1), secret=b"forged"), None),
        (record(b"x" * (MAX_BODY_BYTES + 1)), None),
        (record(b"{", secret=b"forged"), None),
        (record(b"{"), "aaaaaaaaaaa"),
        (record(b""), "aaaaaaaaaaa"),
        (record({**GOOD, "extra": 1}), "aaaaaaaaaaa"),
        (record(GOOD, key=b"\xff\xfe"), "aaaaaaaaaaa"),
        (record(GOOD, headers={h.DEADLINE: b"soon"}), "aaaaaaaaaaa"),
    ],
    ids=["too large, forged", "too large", "forged", "no JSON", "empty", "unknown field", "key", "deadline"],
)
async def test_a_refusal_is_booked_under_a_key_only_where_that_key_signed_the_record(
    given: Record, key_id: str | None
) -> None:
    assert (await refused(given)).key_id == key_id


@pytest.mark.contract("R1")
async def test_a_request_of_the_wrong_form_names_its_fields() -> None:
    item = await refused(record({"entity": "c-42", "feature": {}}))
    assert item.dead_letter == "invalid_request"
    assert [field["field"] for field in item.error["fields"]] == ["feature", "features"]


@pytest.mark.contract("R8")
async def test_a_passed_deadline_is_put_to_the_limiter_which_knows_whether_it_was_admitted_before() -> None:
    limiter = FakeLimiter()
    late = record(GOOD, headers={h.DEADLINE: b"%d" % (NOW_MS - 1)})
    item = await refused(late, limiter=limiter)
    assert (item.status, item.dead_letter) == ("expired", "expired")
    assert limiter.charges[0].expired
    assert isinstance(await one(late, limiter=FakeLimiter({0: "admitted"})), Candidate)


@pytest.mark.contract("R8")
@pytest.mark.parametrize("body", [GOOD, {"entity": "c-42", "rows": [{"a": 1}]}], ids=["fast lane", "exact path"])
async def test_the_deadline_itself_is_in_time_and_a_millisecond_later_is_not(body: Any) -> None:
    for deadline, expired in ((NOW_MS, False), (NOW_MS - 1, True)):
        limiter = FakeLimiter()
        await one(record(body, headers={h.DEADLINE: b"%d" % deadline}), limiter=limiter)
        assert [charge.expired for charge in limiter.charges] == [expired]


@pytest.mark.parametrize("deadline", [b"soon", b"-1", b"1.5", b"9" * 30])
async def test_a_deadline_that_is_no_time_is_invalid(deadline: bytes) -> None:
    item = await refused(record(GOOD, headers={h.DEADLINE: deadline}))
    assert item.status == "invalid"
    assert "deadline-ms" in item.error["message"]


@pytest.mark.contract("B5")
async def test_a_denied_request_says_when_to_come_back() -> None:
    item = await refused(record(GOOD), limiter=FakeLimiter({0: "denied"}))
    assert item.status == "rate_limited"
    assert "retry in 4 s" in item.error["message"]
    assert item.dead_letter is None


@pytest.mark.contract("B1", "R7")
async def test_a_charge_is_one_token_a_row_and_knows_the_request_by_id_and_body() -> None:
    limiter = FakeLimiter()
    rows = {"entity": "c-42", "rows": [{"a": 1}, {"a": 2}, {"a": 3}]}
    await admit(
        batch(record(rows), record(rows, offset=1), record(GOOD, offset=2)),
        keys=FakeKeys(),
        limiter=limiter,
        clock=clock,
    )
    assert [charge.cost for charge in limiter.charges] == [3, 3, 1]
    first, again, other = (charge.identity for charge in limiter.charges)
    assert first == again != other


async def test_a_batch_is_charged_in_one_round_trip_and_keeps_its_order() -> None:
    limiter = FakeLimiter({2: "denied"})
    records = [record(GOOD, offset=i, secret=b"forged" if i == 1 else b"s" * 32) for i in range(4)]
    items = await admit(batch(*records), keys=FakeKeys(), limiter=limiter, clock=clock)
    assert limiter.calls == 1
    assert [item.record.offset for item in items] == [0, 1, 2, 3]
    kinds = [item.status if isinstance(item, Refusal) else "admitted" for item in items]
    assert kinds == ["admitted", "unauthorized", "rate_limited", "admitted"]


@pytest.mark.contract("R9")
@pytest.mark.parametrize(
    ("timestamp", "taken"), [(NOW_MS, NOW_MS), (LAST_MS, LAST_MS), (LAST_MS + 1, 0), (2**63 - 1, 0), (-1, 0)]
)
def test_a_timestamp_that_is_no_time_counts_as_none(timestamp: int, taken: int) -> None:
    assert requested_ms(record(GOOD, timestamp=timestamp)) == taken


async def test_a_batch_without_a_candidate_charges_nobody() -> None:
    limiter = FakeLimiter()
    await admit(batch(record(GOOD, secret=b"forged")), keys=FakeKeys(), limiter=limiter, clock=clock)
    assert limiter.calls == 0


UNSIGNED = (h.KEY_ID, h.SIGNED_AT, h.SIGNATURE)
PLAIN = "sk_test_" + "p" * 43


@pytest.mark.contract("K8")
async def test_a_record_with_a_plain_key_is_its_owners_only_where_that_is_allowed() -> None:
    given = record(GOOD, headers={h.API_KEY: PLAIN.encode()}, without=UNSIGNED)
    allowed = await one(given, keys=FakeKeys(plain={PLAIN: credential("ppppppppppp")}))
    assert isinstance(allowed, Candidate)
    assert allowed.key_id == "ppppppppppp"
    assert (await refused(given)).status == "unauthorized"


@pytest.mark.contract("K3", "K8")
async def test_a_plain_key_beside_a_bad_signature_or_past_its_time_lets_nobody_in() -> None:
    plain = {PLAIN: credential("ppppppppppp", expires_at=NOW - timedelta(microseconds=1))}
    late = record(GOOD, headers={h.API_KEY: PLAIN.encode()}, without=UNSIGNED)
    assert (await refused(late, keys=FakeKeys(plain=plain))).status == "unauthorized"
    forged = record(GOOD, headers={h.API_KEY: PLAIN.encode(), h.SIGNATURE: b"0" * 64})
    assert (await refused(forged, keys=FakeKeys(plain={PLAIN: credential()}))).status == "unauthorized"
