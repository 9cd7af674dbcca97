"""Challengers' answers in the store: once each, and summed up beside the champion's."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from agents.persist_shadows import persist_shadows
from infra.database import PostgresStore
from infra.database.shadows import shadow_analysis
from schemas.message import Batch, Record
from schemas.shadow import Reply, ServedBy, ShadowError, ShadowResult, TriedBy, compared, encode_shadow
from schemas.stored import Position, RefusedRow
from tests.agents.scorer import FakeCounters
from tests.infra.database.rows import MOMENT, label, prediction, stored

CHAMPION = Reply((0.4, 0.6), 1)


def shadow(request_id: str, *replies: Reply | None, version: str = "v2", **changes: Any) -> ShadowResult:
    """A challenger's answers beside the champion's, which are all the same; None for no answer."""
    error = changes.pop("error", None)
    latency_ms = changes.pop("latency_ms", 0.5)
    facts: dict[str, Any] = {
        "request_id": request_id,
        "entity": "c-42",
        "model": "churn",
        "route_epoch": 3,
        "champion": ServedBy("v1", "champion", 12.0),
        "challenger": TriedBy(version, None if error else latency_ms, error),
        "rows": tuple(compared(row, CHAMPION, reply) for row, reply in enumerate(replies)),
        "requested_at": MOMENT,
        "scored_at": MOMENT + timedelta(seconds=1),
    }
    return ShadowResult(**{**facts, **changes})


@pytest.fixture
def model(unique: Callable[..., str]) -> str:
    return unique("model")


async def save(engine: Engine, topic: str, *values: ShadowResult | bytes) -> list[Any]:
    """The bodies of the dead letters."""
    bodies = [value if isinstance(value, bytes) else encode_shadow(value) for value in values]
    records = [Record(topic, 0, offset, 0, b"c-42", body, ()) for offset, body in enumerate(bodies)]
    store = PostgresStore(engine, {topic: topic})
    letters = await persist_shadows(Batch(topic, records), store=store, counters=FakeCounters(), dead_letters="dead")
    return [json.loads(letter.value) for letter in letters]


def analysed(engine: Engine, model: str, first_epoch: int = 1) -> Any:
    with engine.connect() as connection:
        return json.loads(json.dumps(shadow_analysis(connection, model, first_epoch)))


def rows_of(engine: Engine, request_id: str, columns: str) -> list[Any]:
    query = f'SELECT {columns} FROM shadow_predictions WHERE request_id = :id ORDER BY "row", version'
    return stored(engine, query, id=request_id)


@pytest.mark.contract("T2", "R10")
async def test_each_version_has_a_row_for_each_row_and_what_comes_again_changes_nothing(
    engine: Engine, topic: str, name: str
) -> None:
    failed = shadow(name, None, None, version="v3", error=ShadowError("failed", "e-1"))
    answers = shadow(name, Reply((0.2, 0.8), 1), Reply((0.7, 0.3), 0))
    later = shadow(name, Reply((0.0, 1.0), 1), None)
    for _ in range(2):
        assert await save(engine, topic, answers, failed, later) == []
    assert rows_of(engine, name, '"row", version, round(probability::numeric, 6)::float, label, error, agrees') == [
        (0, "v2", 0.8, "1", None, True),
        (0, "v3", None, None, "failed", None),
        (1, "v2", 0.3, "0", None, False),
        (1, "v3", None, None, "failed", None),
    ]
    assert rows_of(engine, name, "champion_version, champion_label, error_id")[1] == ("v1", "1", "e-1")


@pytest.mark.contract("R9")
async def test_what_no_row_can_hold_is_a_dead_letter_and_its_neighbours_are_stored(
    engine: Engine, topic: str, name: str
) -> None:
    impossible = shadow(name, Reply((0.2, 0.8), 1), route_epoch=2**63 - 1, version="v" * 200)
    with_nul = shadow(name, Reply((0.2, 0.8), "a\x00b"), entity="c\x00")
    deep = b'{"unknown":' + b"[" * 100_000
    letters = await save(engine, topic, impossible, b"nonsense", deep, with_nul, b'{"request_id": 1}')
    assert sorted(letter["reason"] for letter in letters) == ["invalid", "not_json", "not_json", "not_storable"]
    assert rows_of(engine, name, "entity, label") == [("c\ufffd", "a\ufffdb")]


async def test_all_predictions_of_several_classes_and_of_a_number_are_kept(
    engine: Engine, topic: str, name: str
) -> None:
    number = compared(0, Reply((5.0,)), Reply((7.5,)))
    classes = compared(1, Reply((0.2, 0.3, 0.5), "c"), Reply((0.6, 0.3, 0.1), "a"))
    await save(engine, topic, shadow(name, rows=(number, classes)))
    assert rows_of(engine, name, "probability, predictions, difference, agrees") == [
        (None, {"champion": [5.0], "challenger": [7.5]}, 2.5, None),
        (0.6, {"champion": [0.2, 0.3, 0.5], "challenger": [0.6, 0.3, 0.1]}, 0.4, False),
    ]


@pytest.mark.contract("T2")
async def test_the_analysis_tells_differences_agreement_flips_errors_and_both_latencies(
    engine: Engine, topic: str, model: str, unique: Callable[..., str]
) -> None:
    said = [Reply((0.2, 0.8), 1), Reply((0.5, 0.5), 1), Reply((0.8, 0.2), 0)]
    answers = [
        shadow(unique(), reply, model=model, latency_ms=took, champion=ServedBy("v1", "champion", 10 * took))
        for reply, took in zip(said, (1.0, 2.0, 3.0), strict=True)
    ]
    late = shadow(unique(), None, model=model, error=ShadowError("timeout", "e"))
    other = shadow(unique(), None, None, model=model, version="v3", error=ShadowError("skipped"))
    before = shadow(unique(), Reply((1.0, 0.0), 0), model=model, route_epoch=2)
    await save(engine, topic, *answers, late, other, before)
    found = analysed(engine, model, first_epoch=3)
    assert (found["status"], found["since_epoch"]) == ("ok", 3)
    second, third = found["challengers"]
    assert (second["version"], second["count"], second["compared"]) == ("v2", 4, 3)
    assert second["difference"] == {"mean": pytest.approx(0.7 / 3), "max": pytest.approx(0.4)}
    assert (second["agreement"], second["flips"]) == (pytest.approx(2 / 3), 1)
    assert second["flips_by_label"] == [{"champion": "1", "challenger": "0", "count": 1}]
    assert {code: count for code, count in second["errors"].items() if count} == {"timeout": 1}
    assert second["latency_ms"]["challenger"] == {"p50": 2.0, "p99": pytest.approx(2.98)}
    assert second["latency_ms"]["champion"]["p50"] == pytest.approx(16.0)
    assert (third["count"], third["requests"], third["compared"], third["errors"]["skipped"]) == (2, 1, 0, 2)
    assert (third["agreement"], third["difference"]["mean"]) == (None, None)
    assert third["latency_ms"]["challenger"] == {"p50": None, "p99": None}


@pytest.mark.contract("T2")
async def test_a_request_has_one_latency_however_many_rows_it_has(
    engine: Engine, topic: str, model: str, unique: Callable[..., str]
) -> None:
    same = Reply((0.4, 0.6), 1)
    quick = [shadow(unique(), same, model=model, latency_ms=1.0) for _ in range(3)]
    slow = ServedBy("v1", "champion", 900.0)
    await save(engine, topic, *quick, shadow(unique(), *[same] * 20, model=model, latency_ms=50.0, champion=slow))
    [found] = analysed(engine, model)["challengers"]
    assert (found["count"], found["requests"]) == (23, 4)
    assert {who: took["p50"] for who, took in found["latency_ms"].items()} == {"champion": 12.0, "challenger": 1.0}


@pytest.mark.contract("T2")
async def test_a_number_out_of_all_proportion_does_not_hide_the_analysis(
    engine: Engine, topic: str, model: str, unique: Callable[..., str]
) -> None:
    numbers = [compared(0, Reply((5.0,)), Reply((number,))) for number in (7.0, 1e300, 1.7e308, -1.7e308)]
    await save(engine, topic, *(shadow(unique(), rows=(row,), model=model) for row in numbers))
    [found] = analysed(engine, model)["challengers"]
    assert found["difference"] == {"mean": pytest.approx(8.5e307), "max": 1.7e308}


@pytest.mark.contract("T2")
async def test_of_too_many_copies_the_latest_are_looked_at_and_it_is_said(
    engine: Engine, topic: str, model: str, unique: Callable[..., str]
) -> None:
    def said(probability: float, minute: int, epoch: int = 3) -> ShadowResult:
        at, reply = MOMENT + timedelta(minutes=minute), Reply((1 - probability, probability), 1)
        return shadow(unique(), reply, model=model, scored_at=at, route_epoch=epoch)

    await save(engine, topic, said(0.6, 3), said(0.9, 1), said(0.8, 2), said(1.0, 9, epoch=2))
    with engine.connect() as connection:
        few, all_of_them = (shadow_analysis(connection, model, 2, most) for most in (2, 5))
    assert (few["latest_only"], few["challengers"][0]["difference"]["max"]) == (True, pytest.approx(0.2))
    assert (all_of_them["latest_only"], all_of_them["challengers"][0]["count"]) == (False, 4)


@pytest.mark.contract("T2")
def test_without_any_shadow_there_is_no_data(engine: Engine, model: str) -> None:
    assert analysed(engine, model) == {
        "since_epoch": 1,
        "latest_only": False,
        "status": "no_data",
        "challengers": [],
    }


@pytest.mark.contract("F1", "T2")
async def test_a_label_counts_for_the_shadow_too_whichever_comes_first(
    engine: Engine, topic: str, model: str, unique: Callable[..., str]
) -> None:
    early, late, other, several = (unique(name) for name in ("early", "late", "other", "several"))
    store = PostgresStore(engine, {name: f"{topic}-{name}" for name in ("results", "feedback")})

    async def tell(request_id: str, value: int, offset: int) -> list[RefusedRow]:
        return await store.save_labels([label(request_id, value, offset)], [Position("feedback", 0, offset + 1)])

    assert await tell(early, 0, 0) == []
    answers = [shadow(name, Reply((0.8, 0.2), 0), model=model) for name in (early, late)]
    words = shadow(other, Reply((0.9, 0.1), "yes"), model=model, version="v3")
    classes = compared(0, Reply((0.2, 0.7, 0.1), 1), Reply((0.1, 0.8, 0.1), 1))
    await save(engine, topic, *answers, words, shadow(several, rows=(classes,), model=model, version="v4"))
    rows = [prediction(name, predicted_probability=0.6) for name in (early, late, other, several)]
    await store.save_predictions(rows, [Position("results", 0, 4)])
    assert await tell(late, 1, 1) == await tell(other, 1, 2) == await tell(several, 0, 3) == []
    truth, of_words, of_classes = (each["truth"] for each in analysed(engine, model)["challengers"])
    assert truth == {
        "labels": 2,
        "champion": {"accuracy": 0.5, "brier": pytest.approx((0.6**2 + 0.4**2) / 2)},
        "challenger": {"accuracy": 0.5, "brier": pytest.approx((0.2**2 + 0.8**2) / 2)},
    }
    assert (of_words["labels"], of_words["challenger"]["accuracy"]) == (1, None)
    unfit = {"accuracy": 0.0, "brier": None}
    assert of_classes == {"labels": 1, "champion": unfit, "challenger": unfit}, "a Brier score is of two classes"
