"""No text that is shown or kept repeats an API key that somebody put into it by mistake."""

import base64
import json
from typing import Any

import pytest

from schemas.dead_letter import MAX_KEPT_BYTES, dead_letter
from schemas.errors import BadSettings, FieldError, InvalidRequest, Refused, Unavailable, Undecodable, WeirError
from schemas.headers import read_headers
from schemas.keys import check_permissions, expiry, new_api_key
from schemas.masked import masked, masked_bytes
from schemas.message import Record
from schemas.request import describe
from tests.agents.scorer import NOW

KEY = "sk_live_" + "Qx7-_zP" * 6 + "Q"
PART = "Qx7"


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (KEY, "sk_live_…"),
        (f"the key {KEY}, in quotes '{KEY}'", "the key sk_live_…, in quotes 'sk_live_…'"),
        (KEY[:20], "sk_live_…"),
        ("sk_test_" + "A" * 43, "sk_test_…"),
        ("sk_live_… with 51 characters", "sk_live_… with 51 characters"),
        ("a desk_lamp", "a desk_lamp"),
    ],
)
def test_a_key_is_shown_by_its_prefix_even_where_it_was_cut(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.contract("K2")
def test_bytes_keep_their_length_and_what_is_no_key_stays() -> None:
    assert masked_bytes(b'{"a":"%b"}' % KEY.encode()) == b'{"a":"sk_live_' + b"*" * 43 + b'"}'
    assert masked_bytes(b"sk_test_customer-42") == b"sk_test_customer-42"


@pytest.mark.contract("K2")
@pytest.mark.parametrize("value", [KEY, [KEY], {"key": KEY}, {KEY: 1}, "x" * 40 + KEY, [["a" * 50, KEY]]])
def test_a_described_value_shows_no_part_of_a_key(value: Any) -> None:
    assert PART not in describe(value)


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest(f"not {KEY}"),
        Undecodable("not_json", f"not {KEY}"),
        Refused("forbidden", f"not {KEY}"),
        Unavailable("kafka", f"not {KEY}"),
        BadSettings(f"no API key: set {KEY}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_error_of_ours_shows_a_key(error: WeirError) -> None:
    assert PART not in str(error)
    assert PART not in repr(error)
    assert "sk_live_…" in str(error)


@pytest.mark.contract("K2")
def test_an_offending_field_that_is_a_key_is_not_named_by_it() -> None:
    assert PART not in str(FieldError(KEY, f"not {KEY}", f"string '{KEY}'").as_json())


@pytest.mark.contract("K2")
def test_a_header_that_is_named_like_a_key_is_not_shown() -> None:
    with pytest.raises(Undecodable, match="more than once: sk_live_…") as caught:
        read_headers([(KEY, b""), (KEY, b"")])
    assert PART not in str(caught.value)


@pytest.mark.contract("K2")
def test_terms_of_a_key_that_are_a_key_are_not_shown() -> None:
    for refuse in (lambda: check_permissions([KEY]), lambda: expiry(NOW, KEY)):
        with pytest.raises(InvalidRequest) as caught:
            refuse()
        assert PART not in str(caught.value)
        assert PART not in str(caught.value.fields)


@pytest.mark.contract("K2")
def test_a_dead_letter_keeps_the_record_but_no_key() -> None:
    api_key = new_api_key()
    value = json.dumps({"features": {"payment_method": api_key}}).encode()
    record = Record("requests", 0, 7, 1, api_key.encode(), value, [("key-id", api_key.encode())])
    letter = dead_letter("dead", record, "invalid", f"not {api_key}")
    kept = json.loads(letter.value)
    assert (kept["size"], kept["headers"], kept["message"]) == (len(value), {"key-id": "sk_live_…"}, "not sk_live_…")
    original = base64.b64decode(kept["value"])
    assert original == value.replace(api_key[8:].encode(), b"*" * 43)
    assert letter.key == b"sk_live_" + b"*" * 43


@pytest.mark.contract("K2")
def test_a_key_that_the_end_of_what_is_kept_cuts_is_not_kept_in_part() -> None:
    value = b"x" * (MAX_KEPT_BYTES - 30) + KEY.encode()
    kept = json.loads(dead_letter("dead", Record("requests", 0, 7, 1, None, value, []), "too_large", "").value)
    assert PART.encode() not in base64.b64decode(kept["value"])
