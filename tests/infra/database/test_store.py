"""The sink's store: whatever is delivered, and however often, each request keeps one row."""

from typing import Any

import pytest
from sqlalchemy import Engine

from infra.database import PostgresStore
from schemas.errors import BadSettings
from schemas.keys import ApiKey
from schemas.stored import Position, StoredPrediction
from tests.infra.database.rows import MOMENT, api_key, prediction, request_rows, stored


@pytest.fixture
def store(engine: Engine, topic: str) -> PostgresStore:
    return PostgresStore(engine, {topic: f"{topic}:1"})


def at(topic: str, next_offset: int, partition: int = 0) -> list[Position]:
    return [Position(topic, partition, next_offset)]


def positions(engine: Engine, log: str) -> list[Any]:
    query = 'SELECT "partition", next_offset FROM sink_offsets WHERE log = :log ORDER BY 1'
    return stored(engine, query, log=log)


async def test_every_field_comes_back(store: PostgresStore, engine: Engine, topic: str, name: str) -> None:
    row = prediction(name, row=1, metadata={"label": "yes"}, degraded=True)
    assert await store.save_predictions([prediction(name), row], at(topic, 1)) == []
    fields = list(StoredPrediction.__struct_fields__)
    (_, found) = request_rows(engine, name, ", ".join(fields))
    assert dict(zip(fields, found, strict=True)) == {field: getattr(row, field) for field in fields}


@pytest.mark.contract("R7", "R10")
async def test_the_same_batch_again_changes_nothing(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    rows = [prediction(name), prediction(name, row=1)]
    everything = "row, xmin::text, predicted_probability, created_at"
    await store.save_predictions(rows, at(topic, 2))
    before = request_rows(engine, name, everything)
    await store.save_predictions(rows, at(topic, 2))
    assert request_rows(engine, name, everything) == before
    assert positions(engine, f"{topic}:1") == [(0, 2)]


@pytest.mark.contract("R7")
async def test_a_request_answered_twice_keeps_its_first_answer(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    both = [prediction(name), prediction(name, predicted_probability=0.1)]
    await store.save_predictions(both, at(topic, 2))
    await store.save_predictions([prediction(name, predicted_probability=0.2)], at(topic, 3))
    assert request_rows(engine, name, "predicted_probability") == [0.75]


@pytest.mark.contract("R7")
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
@pytest.mark.parametrize(
    ("statuses", "kept"),
    [
        (("rate_limited", "ok"), "ok"),
        (("ok", "rate_limited"), "ok"),
        (("ok", "unauthorized"), "ok"),
        (("invalid", "expired"), "invalid"),
        (("rate_limited", "invalid", "ok", "error"), "ok"),
    ],
)
async def test_ok_is_final_and_replaces_any_refusal(
    store: PostgresStore,
    engine: Engine,
    topic: str,
    name: str,
    statuses: tuple[str, ...],
    kept: str,
    together: bool,
) -> None:
    rows = [prediction(name, status=status) for status in statuses]
    batches = [rows] if together else [[row] for row in rows]
    for offset, batch in enumerate(batches):
        await store.save_predictions(batch, at(topic, offset + 1))
    assert request_rows(engine, name, "status, error IS NULL") == [(kept, kept == "ok")]


@pytest.mark.contract("R7", "R10")
async def test_a_zombie_that_comes_late_changes_no_row_and_moves_nothing(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    everything = "row, xmin::text, status, predicted_probability"
    older = [prediction(name), prediction(f"{name}-limited", status="rate_limited")]
    await store.save_predictions(older, at(topic, 50))
    await store.save_predictions([prediction(f"{name}-limited")], at(topic, 100))
    before = [request_rows(engine, each.request_id, everything) for each in older]
    assert await store.save_predictions(older, at(topic, 50)) == []
    assert [request_rows(engine, each.request_id, everything) for each in older] == before
    assert positions(engine, f"{topic}:1") == [(0, 100)]


@pytest.mark.contract("R10")
async def test_what_a_group_was_taken_past_is_stored_once_it_is_taken_back(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await store.save_predictions([prediction(name)], at(topic, 1000))
    assert await store.save_predictions([prediction(f"{name}-passed")], at(topic, 500)) == []
    assert request_rows(engine, f"{name}-passed") == [(0, "ok")]
    assert positions(engine, f"{topic}:1") == [(0, 1000)]


@pytest.mark.contract("R10")
async def test_a_late_batch_with_one_partition_ahead_is_stored(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    await store.save_predictions([], at(topic, 100))
    await store.save_predictions([prediction(name)], [*at(topic, 50), *at(topic, 7, partition=1)])
    assert len(request_rows(engine, name)) == 1
    assert positions(engine, f"{topic}:1") == [(0, 100), (1, 7)]


async def test_a_topic_made_again_starts_afresh(engine: Engine, topic: str, name: str) -> None:
    await PostgresStore(engine, {topic: "log-1"}).save_predictions([], at(topic, 100))
    again = PostgresStore(engine, {topic: "log-2"})
    await again.save_predictions([prediction(name)], at(topic, 1))
    assert len(request_rows(engine, name)) == 1
    assert positions(engine, "log-2") == [(0, 1)]


@pytest.mark.contract("R9")
async def test_rows_that_postgres_refuses_are_named_and_the_others_stored(
    store: PostgresStore, engine: Engine, topic: str, name: str
) -> None:
    rows = [prediction(f"{name}-{number}") for number in range(20)]
    wrong: dict[int, dict[str, Any]] = {
        3: {"features": {"text": "a\x00b"}},
        4: {"risk_score": 101.0},
        9: {"predicted_label": 2**40},
        10: {"entity": "\ud800"},
        15: {"features": {"n": 2**70}},
        19: {"status": "splendid"},
    }
    for index, changes in wrong.items():
        rows[index] = prediction(f"{name}-{index}", **changes)
    refused = await store.save_predictions(rows, at(topic, 20))
    assert sorted(row.index for row in refused) == sorted(wrong)
    assert all(name not in row.reason and "101" not in row.reason for row in refused)
    found = stored(engine, "SELECT count(*) FROM prediction_feedback WHERE request_id LIKE :like", like=f"{name}-%")
    assert found == [14]
    assert positions(engine, f"{topic}:1") == [(0, 20)]


@pytest.mark.contract("R9", "R10")
@pytest.mark.parametrize("next_offset", [20, 5], ids=["same batch", "smaller batch"])
async def test_a_replay_reports_the_refused_rows_again(
    store: PostgresStore, topic: str, name: str, next_offset: int
) -> None:
    rows = [prediction(name), prediction(f"{name}-2", features={"text": "\x00"})]
    first = await store.save_predictions(rows, at(topic, 20))
    assert await store.save_predictions(rows, at(topic, next_offset)) == first != []


async def test_a_topic_without_log_identity_is_a_bad_setting(store: PostgresStore) -> None:
    with pytest.raises(BadSettings, match="no log identity for topic stranger"):
        await store.save_predictions([], at("stranger", 1))


async def test_keys_are_projected_in_their_last_state(store: PostgresStore, engine: Engine, topic: str) -> None:
    keys = [api_key("AAAAAAAAAAA"), api_key("BBBBBBBBBBB", burst=7), api_key("AAAAAAAAAAA", name="renamed")]
    await store.save_keys(keys, [], at(topic, 3))
    query = "SELECT key_id, name, permissions, rate_limit, burst, expires_at FROM api_keys ORDER BY key_id"
    assert stored(engine, query) == [
        ("AAAAAAAAAAA", "renamed", ["predict"], 1000, None, None),
        ("BBBBBBBBBBB", "a key", ["predict"], 1000, 7, None),
    ]
    whole = api_key(
        "AAAAAAAAAAA", name="renamed", owner="shop", pooled=True, family="BBBBBBBBBBB", rotated_to="CCCCCCCCCCC",
        test=True, tier="free", expires_at=MOMENT, revoked_at=MOMENT,
    )  # fmt: skip
    await store.save_keys([whole], [], at(topic, 3))
    [row] = stored(engine, "SELECT to_jsonb(api_keys)::text FROM api_keys WHERE owner = 'shop'")
    assert ApiKey.model_validate_json(row) == whole
    await store.save_keys([api_key("AAAAAAAAAAA", name="old")], ["BBBBBBBBBBB"], at(topic, 2))
    assert len(stored(engine, query)) == 2
    refused = await store.save_keys([api_key("CCCCCCCCCCC", name="a\x00b")], ["BBBBBBBBBBB"], at(topic, 5))
    assert [row.index for row in refused] == [0]
    assert stored(engine, "SELECT name FROM api_keys") == ["renamed"]
