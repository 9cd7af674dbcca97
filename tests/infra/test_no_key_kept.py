"""What is said of a key holds no key: names, owners and reasons lie on topics and are shown."""

from typing import Any

import pytest

from infra.auth import KeyManager, SealedKeyRing
from schemas.errors import InvalidRequest
from schemas.keys import new_api_key
from tests.infra.keys import SEALER, DictStore

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


@pytest.mark.contract("K2")
def test_a_record_under_a_key_on_the_topic_of_keys_is_told_without_it(
    manager: KeyManager, store: DictStore, caplog: pytest.LogCaptureFixture
) -> None:
    manager.create_key("client")
    [key] = store.all()
    ring = SealedKeyRing(SEALER)
    for value in (b"{}", key.model_dump_json().encode()):
        ring.update(KEY, value)
    assert caplog.text.count("key record 'sk_live_…' is ignored") == 2
    assert KEY[8:16] not in caplog.text
