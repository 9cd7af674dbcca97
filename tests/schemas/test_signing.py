"""A signature holds one record together: topic, id, key, time and body."""

import pytest

from schemas.keys import new_api_key
from schemas.signing import MAX_AGE_MS, is_fresh, signature, signing_key, verify
from tests.schemas.vectors import PARTS, SIGNATURE, SIGNING_KEY, VECTOR_KEY, as_verified


def test_the_vector_of_the_documentation_holds() -> None:
    assert signing_key(VECTOR_KEY).hex() == SIGNING_KEY
    assert signature(signing_key(VECTOR_KEY), **PARTS).decode() == SIGNATURE


@pytest.mark.contract("K8")
def test_a_signed_record_verifies() -> None:
    key = signing_key(new_api_key())
    assert verify(key, signature(key, **PARTS), *as_verified(**PARTS))


@pytest.mark.contract("K8")
@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("topic", "feedback"),
        ("request_id", b"another"),
        ("record_key", b"c-43"),
        ("signed_at", b"1764000000001"),
        ("body", b'{"entity":"c-42","features":{"a":2}}'),
    ],
)
def test_changing_any_part_breaks_the_signature(part: str, other: object) -> None:
    key = signing_key(VECTOR_KEY)
    assert not verify(key, signature(key, **PARTS), *as_verified(**{**PARTS, part: other}))


@pytest.mark.contract("K8")
def test_another_keys_signature_does_not_verify() -> None:
    assert not verify(signing_key(VECTOR_KEY), signature(signing_key(new_api_key()), **PARTS), *as_verified(**PARTS))
    assert not verify(signing_key(VECTOR_KEY), b"", *as_verified(**PARTS))


@pytest.mark.contract("K8")
def test_a_signature_is_fresh_for_five_minutes_either_way() -> None:
    now = 1_764_000_000_000
    assert is_fresh(b"%d" % now, now + MAX_AGE_MS)
    assert is_fresh(b"%d" % now, now - MAX_AGE_MS)
    assert not is_fresh(b"%d" % now, now + MAX_AGE_MS + 1)
    assert not is_fresh(b"%d" % now, now - MAX_AGE_MS - 1)
    assert not is_fresh(b"yesterday", now)
