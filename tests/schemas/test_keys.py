"""API keys: their form, their validity, their defaults."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import InvalidRequest
from schemas.keys import (
    ApiKey,
    check_permissions,
    expiry,
    hash_api_key,
    looks_like_key,
    new_api_key,
    new_key_id,
)

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def key(**changes: object) -> ApiKey:
    fields = {
        "key_id": "abcdefghijk",
        "name": "test",
        "key_hash": "0" * 64,
        "sealed_signing_key": "v1.x",
        "created_at": CREATED,
    }
    return ApiKey.model_validate({**fields, **changes})


@pytest.mark.contract("K1")
def test_the_hash_vector_of_the_contract_holds() -> None:
    expected = "5647bdab3eff6c5d42956a5199554c4a9b22c23748447c87729bd3f0adc62d22"
    assert hash_api_key("sk_live_" + "A" * 43) == expected


@pytest.mark.contract("K1")
@pytest.mark.parametrize(("test", "prefix"), [(False, "sk_live_"), (True, "sk_test_")])
def test_a_key_is_its_prefix_and_43_url_safe_characters(test: bool, prefix: str) -> None:
    made = {new_api_key(test=test) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(prefix + r"[A-Za-z0-9_-]{43}", one) and len(one) == 51 for one in made)
    assert all(map(looks_like_key, made))
    assert not looks_like_key(prefix + "short")


@pytest.mark.contract("K1")
def test_a_key_id_is_11_url_safe_characters() -> None:
    """None begins with a hyphen: `weir keys revoke` would take it for an option."""
    made = [new_key_id() for _ in range(500)]
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{10}", one) for one in made)


@pytest.mark.contract("K3")
def test_a_key_is_valid_up_to_and_at_its_expiry() -> None:
    ends = expiry(CREATED, 365)
    assert ends == CREATED + timedelta(seconds=365 * 86_400)
    assert key(expires_at=ends).is_valid_at(ends)
    assert not key(expires_at=ends).is_valid_at(ends + timedelta(microseconds=1))
    assert key().is_valid_at(CREATED + timedelta(days=100_000))


@pytest.mark.contract("K3")
@pytest.mark.parametrize("days", [0, -1, 1.5, True, 10**9])
def test_days_that_are_no_positive_number_are_refused(days: object) -> None:
    with pytest.raises(InvalidRequest, match="expires_in_days"):
        expiry(CREATED, days)


@pytest.mark.contract("K3")
@pytest.mark.parametrize("names", [["predict", "fly"], [], "predict", None])
def test_permissions_that_are_not_known_are_refused_with_the_known_ones(names: object) -> None:
    with pytest.raises(InvalidRequest, match="predict, monitor, admin"):
        check_permissions(names)


@pytest.mark.contract("K3")
def test_the_defaults_are_predict_and_a_thousand_an_hour() -> None:
    assert key().permissions == {"predict"}
    assert key().rate_limit == 1000
    assert key().capacity == 100


@pytest.mark.contract("K5")
def test_permissions_are_exact_and_admin_implies_nothing() -> None:
    admin = key(permissions=["admin"])
    assert admin.may("admin")
    assert not admin.may("predict")
    assert not admin.may("monitor")


def test_a_revoked_key_is_invalid_from_then_on_and_revoking_twice_changes_nothing() -> None:
    once = key().revoked(CREATED + timedelta(days=1))
    assert once.is_valid_at(CREATED)
    assert not once.is_valid_at(CREATED + timedelta(days=1))
    assert once.revoked(CREATED + timedelta(days=2)) == once


def test_a_record_from_before_owners_and_rotation_reads_as_a_key_of_its_own() -> None:
    """What lies on the topic outlives releases: this text must be read for ever."""
    old = (
        '{"key_id":"abcdefghijk","name":"client","key_hash":"' + "0" * 64 + '","sealed_signing_key":"v1.x",'
        '"permissions":["predict"],"rate_limit":1000,"burst":null,"tier":"basic",'
        '"created_at":"2026-01-01T00:00:00Z","expires_at":null,"revoked_at":null}'
    )
    read = ApiKey.model_validate_json(old)
    assert (read.owner, read.pooled, read.family, read.rotated_to, read.test) == (None, False, None, None, False)
    assert read.bucket == read.line == "abcdefghijk"


def test_a_pooled_key_without_an_owner_is_no_key() -> None:
    with pytest.raises(ValueError, match="a pooled key names its owner"):
        key(pooled=True)


LATER, LAST = CREATED + timedelta(days=1), CREATED + timedelta(days=2)


@pytest.mark.contract("K6")
@pytest.mark.parametrize(
    ("earlier", "later", "expected"),
    [
        ({"revoked_at": LATER}, {}, {"revoked_at": LATER}),
        ({"revoked_at": LATER}, {"revoked_at": LAST}, {"revoked_at": LATER}),
        ({}, {"revoked_at": LAST}, {"revoked_at": LAST}),
        ({"expires_at": LATER}, {"expires_at": None}, {"expires_at": LATER}),
        ({"expires_at": LATER}, {"expires_at": LAST}, {"expires_at": LATER}),
        ({"expires_at": None}, {"expires_at": LAST}, {"expires_at": LAST}),
        ({"rotated_to": "BBBBBBBBBBB"}, {}, {"rotated_to": "BBBBBBBBBBB"}),
        ({"tier": "free"}, {"tier": "premium"}, {"tier": "premium"}),
    ],
)
def test_of_two_states_the_later_counts_but_an_end_once_set_stands(
    earlier: dict[str, object], later: dict[str, object], expected: dict[str, object]
) -> None:
    assert key(**later).after(key(**earlier)) == key(**later).model_copy(update=expected)


def test_another_key_under_the_same_id_ends_when_it_says() -> None:
    assert key(key_hash="1" * 64).after(key(revoked_at=LATER)).revoked_at is None


@pytest.mark.contract("B1")
@pytest.mark.parametrize(("limit", "burst", "capacity"), [(1000, None, 100), (5, None, 1), (1000, 7, 7)])
def test_the_bucket_holds_the_burst_or_a_tenth_of_the_limit(limit: int, burst: int | None, capacity: int) -> None:
    assert key(rate_limit=limit, burst=burst).capacity == capacity
