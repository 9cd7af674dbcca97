"""The projection of keys: an end that was set stands, whoever wrote the key afterwards without knowing of it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import PostgresStore
from schemas.keys import ApiKey, new_key_id
from schemas.stored import Position
from tests.infra.database.rows import MOMENT, api_key, stored

LATER = MOMENT + timedelta(hours=1)
ENDED = {"expires_at": MOMENT, "revoked_at": MOMENT, "rotated_to": "SUCCESSOR-1"}


async def kept(
    store: PostgresStore, engine: Engine, topic: str, states: list[ApiKey | None], *, at_once: bool
) -> dict[str, Any]:
    """The row of a key after these states, one batch or one each; None removes it."""
    key_id = next(state.key_id for state in states if state is not None)
    for end, batch in enumerate([states] if at_once else [[state] for state in states], 1):
        given, removed = [state for state in batch if state is not None], [key_id] if None in batch else []
        assert await store.save_keys(given, removed, [Position(topic, 0, end)]) == []
    [row] = stored(engine, "SELECT to_jsonb(api_keys)::text FROM api_keys WHERE key_id = :id", id=key_id)
    return ApiKey.model_validate_json(row).model_dump()


@pytest.mark.contract("K6")
@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "two batches"])
@pytest.mark.parametrize(
    ("ends", "later", "expected"),
    [
        (ENDED, {}, ENDED),
        (ENDED, {"expires_at": LATER, "revoked_at": LATER}, ENDED),
        ({"expires_at": LATER, "revoked_at": LATER}, ENDED, ENDED),
        ({}, ENDED, ENDED),
    ],
    ids=["unset", "put off", "brought forward", "set"],
)
async def test_an_end_is_never_taken_back(
    store: PostgresStore,
    engine: Engine,
    topic: str,
    ends: dict[str, Any],
    later: dict[str, Any],
    expected: dict[str, Any],
    at_once: bool,
) -> None:
    key_id = new_key_id()
    states = [api_key(key_id, **ends), api_key(key_id, tier="free", sealed_signing_key="anew", **later)]
    wanted = api_key(key_id, tier="free", sealed_signing_key="anew", **expected)
    assert await kept(store, engine, topic, [*states], at_once=at_once) == wanted.model_dump()


@pytest.mark.parametrize("at_once", [True, False], ids=["one batch", "two batches"])
async def test_another_key_under_the_id_has_no_past(
    store: PostgresStore, engine: Engine, topic: str, at_once: bool
) -> None:
    key_id = new_key_id()
    other = api_key(key_id, key_hash="1" * 64)
    assert await kept(store, engine, topic, [api_key(key_id, **ENDED), other], at_once=at_once) == other.model_dump()


async def test_a_key_that_was_removed_and_made_anew_has_no_past(
    store: PostgresStore, engine: Engine, topic: str
) -> None:
    key_id = new_key_id()
    states = [api_key(key_id, **ENDED), None, api_key(key_id)]
    assert await kept(store, engine, topic, states, at_once=False) == api_key(key_id).model_dump()
