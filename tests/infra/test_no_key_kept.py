"""What is said of a key holds no key: names, owners and reasons lie on topics and are shown."""

from typing import Any

import pytest

from infra.auth import KeyManager
from schemas.errors import InvalidRequest
from schemas.keys import new_api_key
from tests.infra.keys import DictStore

KEY = new_api_key()


@pytest.mark.contract("K2")
@pytest.mark.parametrize(
    "terms",
    [
        {"name": KEY},
        {"name": f"in place of {KEY}, which leaked"},
        {"name": "client", "owner": KEY},
        {"name": "client", "reason": f"in place of {KEY}"},
    ],
    ids=["name", "within a name", "owner", "reason"],
)
def test_no_key_is_kept_in_what_is_said_of_another(
    manager: KeyManager, store: DictStore, terms: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest, match="must hold no API key: it is kept and shown, not string") as refused:
        manager.new_key(**terms)
    assert KEY[8:16] not in str(refused.value) + str(refused.value.fields)
    assert store.keys == {}


@pytest.mark.contract("K2")
def test_a_key_is_not_the_reason_of_its_revocation(manager: KeyManager, store: DictStore) -> None:
    made = manager.new_key("client")
    with pytest.raises(InvalidRequest, match="reason: must hold no API key"):
        manager.revoke_key(made.key.key_id, reason=f"leaked: {made.api_key}")
    assert manager.validate_key(made.api_key) is not None
    assert manager.revoke_key(made.key.key_id, reason="leaked")
