"""The shadow agent's stage: whatever challengers do, each mirrored result ends beside an answer or a reason."""

import json
from collections.abc import Sequence
from time import monotonic
from typing import Any

import onnx
import pytest

from agents.challenger import Patience
from agents.shadow import Shadow
from models.bundle import Bundle, read_bundle
from models.publishing import bundled
from schemas import headers as h
from schemas.errors import BundleRefused
from schemas.message import Batch, Emission, Record
from schemas.result import MAX_RESULT_BYTES
from schemas.routes import MOST_ARMS
from schemas.shadow import ShadowResult, read_shadow
from schemas.wire import encode
from tests.agents.scorer import NOW, NOW_MS, FakeCounters, clock
from tests.kafka import until
from tests.models import wild
from tests.models.graphs import NOW as PUBLISHED_AT
from tests.models.graphs import declared, graph_of

pytestmark = pytest.mark.contract("T2")

OK, WILD = {"f0": 1.0}, {"f0": 2000.0}
CHALLENGERS = {"nan": wild.not_a_number, "fails": wild.fails, "drops": wild.drops, "hangs": wild.hangs}


def bundle_of(graph: onnx.ModelProto, width: int = 1) -> Bundle:
    features = [{"name": f"f{i}", "type": "float"} for i in range(width)]
    said = declared("binary", features=features, classes=[0, 1])
    return read_bundle(bundled(graph.SerializeToString(), said, name="m", published_at=PUBLISHED_AT))


@pytest.fixture(scope="module")
def bundles() -> dict[str, Bundle]:
    made = {name: bundle_of(graph(1)) for name, graph in CHALLENGERS.items()}
    return {**made, "good": bundle_of(graph_of("binary", width=1)), "wide": bundle_of(graph_of("binary", width=2), 2)}


class Store:
    """Bundles by version; remembers what was asked for."""

    def __init__(self, bundles: dict[str, Bundle]) -> None:
        self._bundles = bundles
        self.asked: list[tuple[str, str]] = []

    def load(self, name: str, version: str) -> Bundle:
        self.asked.append((name, version))
        if version not in self._bundles:
            raise BundleRefused(f"the secret reason why there is no {version}")
        return self._bundles[version]


def stage(bundles: dict[str, Bundle], trial_s: float = 2) -> Shadow:
    return Shadow(Store(bundles).load, Patience(trial_s), clock, FakeCounters(), "shadows", "dead", max_age_s=300)


def mirrored(features: Any, *versions: str, age_s: float = 0, many: bool = False) -> Record:
    answers = [{"predictions": [0.4, 0.6], "label": 1, "features": row} for row in (features if many else [features])]
    body = {
        "request_id": "r-1",
        "entity": "c-42",
        "status": "ok",
        "model": "m",
        "model_version": "v1",
        "arm": "champion",
        "route_epoch": 4,
        "latency_ms": 12,
        "requested_at": NOW.isoformat(),
        **({"rows": answers} if many else answers[0]),
    }
    headers = [
        (h.REQUEST_ID, b"r-1"),
        (h.TRACEPARENT, b"00-1"),
        (h.MIRRORED_TO, ",".join(versions).encode()),
    ]
    return Record("mirrored", 0, 0, NOW_MS - int(1000 * age_s), b"c-42", encode(body), headers)


async def answered(stage: Shadow, *records: Record) -> list[ShadowResult]:
    emissions: Sequence[Emission] = await stage(Batch("mirrored", records))
    assert {emission.topic for emission in emissions} <= {"shadows"}
    return [read_shadow(emission.value) for emission in emissions]


def codes(results: Sequence[ShadowResult]) -> list[str]:
    return [result.challenger.error.code if result.challenger.error else "ok" for result in results]


async def test_an_answer_stands_beside_the_champions_with_who_gave_it_and_how_long_it_took(
    bundles: dict[str, Bundle],
) -> None:
    [emission] = await stage(bundles)(Batch("mirrored", [mirrored(OK, "nan")]))
    assert emission.key == b"c-42"
    assert dict(emission.headers) == {h.SCHEMA_VERSION: b"1", h.REQUEST_ID: b"r-1", h.TRACEPARENT: b"00-1"}
    told = json.loads(emission.value)
    assert told.pop("challenger") == {"version": "nan", "latency_ms": pytest.approx(1, abs=500)}
    assert told.pop("rows") == [
        {
            "row": 0,
            "champion": {"predictions": [0.4, 0.6], "label": 1},
            "challenger": {"predictions": [0.25, 0.75], "label": 1},
            "difference": pytest.approx(0.15),
            "agrees": True,
            "flip": None,
        }
    ]
    assert told == {
        "request_id": "r-1",
        "entity": "c-42",
        "model": "m",
        "route_epoch": 4,
        "champion": {"version": "v1", "arm": "champion", "latency_ms": 12.0},
        "requested_at": "2026-11-24T09:00:00Z",
        "scored_at": "2026-11-24T09:00:00Z",
        "schema_version": 1,
    }


@pytest.mark.parametrize(("version", "code"), [("nan", "not_a_number"), ("fails", "failed"), ("drops", "failed")])
async def test_a_row_that_a_challenger_fails_on_costs_its_request_an_answer_and_no_other(
    bundles: dict[str, Bundle], version: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = [mirrored(row, version) for row in (OK, WILD, OK, OK, WILD)]
    results = await answered(stage(bundles), *asked, mirrored([OK, WILD], version, many=True))
    assert codes(results) == ["ok", code, "ok", "ok", code, code]
    [logged] = [record.__dict__["data"] for record in caplog.records]
    for result in (results[1], results[4], results[5]):
        assert result.challenger.error is not None
        assert result.challenger.error.error_id == logged["error_id"]
        assert b"Gather" not in encode(str(result))


async def test_a_challenger_that_hangs_is_ended_and_left_out_and_holds_nobody_up(bundles: dict[str, Bundle]) -> None:
    shadow = stage(bundles, trial_s=0.5)
    await answered(shadow, mirrored(OK, "hangs", "good"))
    began = monotonic()
    both = await answered(shadow, mirrored(WILD, "hangs", "good"))
    assert 0.5 <= monotonic() - began < 5
    assert codes(both) == ["timeout", "ok"]
    running = shadow._kept["m", "hangs"]._running
    await until(lambda: running is not None and running.done(), "the run is ended")
    assert codes(await answered(shadow, mirrored(OK, "hangs", "good"))) == ["skipped", "ok"]
    assert shadow.counters.shadow == {  # type: ignore[attr-defined]
        ("hangs", "ok"): 1, ("hangs", "timeout"): 1, ("hangs", "skipped"): 1, ("good", "ok"): 3,
    }  # fmt: skip


async def test_features_that_its_signature_refuses_are_named_and_nothing_crashes(bundles: dict[str, Bundle]) -> None:
    [narrow, wide] = await answered(stage(bundles), mirrored({"f0": 1, "f2": 1, "f3": "x"}, "good", "wide"))
    assert codes([narrow, wide]) == ["invalid", "invalid"]
    assert narrow.challenger.error is not None
    assert wide.challenger.error is not None
    assert (narrow.challenger.error.fields, wide.challenger.error.fields) == (("f2", "f3"), ("f1", "f2", "f3"))


async def test_a_bundle_that_cannot_be_loaded_is_unavailable_and_why_stands_in_the_log_alone(
    bundles: dict[str, Bundle], caplog: pytest.LogCaptureFixture
) -> None:
    shadow = stage(bundles)
    results = await answered(shadow, mirrored(OK, "v9", "good"), mirrored(OK, "v9"))
    assert codes(results) == ["unavailable", "ok", "unavailable"]
    await answered(shadow, mirrored(OK, "v9"))
    [logged] = [record.__dict__["data"] for record in caplog.records]
    assert "secret reason" in logged["reason"]
    assert "secret reason" not in str(results)
    assert results[0].challenger.error is not None
    assert results[0].challenger.error.error_id == logged["error_id"]


async def test_a_bundle_is_loaded_once(bundles: dict[str, Bundle]) -> None:
    store = Store(bundles)
    shadow = Shadow(store.load, Patience(), clock, FakeCounters(), "shadows", "dead", max_age_s=300)
    for _ in range(2):
        await answered(shadow, mirrored(OK, "good"), mirrored(OK, "good", "nan"))
    assert sorted(store.asked) == [("m", "good"), ("m", "nan")]


async def test_one_that_is_left_out_stays_so_however_many_others_are_asked(
    bundles: dict[str, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.shadow.MOST_KEPT", 2)
    shadow = stage(bundles, trial_s=0.5)
    assert codes(await answered(shadow, mirrored(WILD, "hangs"))) == ["timeout"]
    assert codes(await answered(shadow, mirrored(OK, "good", "nan", "fails"))) == ["ok"] * 3
    assert codes(await answered(shadow, mirrored(OK, "hangs"))) == ["skipped"]
    assert [version for _, version in shadow._kept] == ["fails", "hangs"]


async def test_what_is_too_old_is_skipped_unscored(bundles: dict[str, Bundle]) -> None:
    shadow = stage(bundles)
    results = await answered(shadow, mirrored(OK, "good", age_s=301), mirrored(OK, "good", age_s=299))
    assert codes(results) == ["skipped", "ok"]
    assert [result.rows[0].champion.label for result in results] == [1, 1]
    assert shadow.counters.shadow == {("good", "skipped"): 1, ("good", "ok"): 1}  # type: ignore[attr-defined]


@pytest.mark.contract("R9")
async def test_what_is_no_mirrored_result_is_a_dead_letter_and_the_next_is_answered(bundles: dict[str, Bundle]) -> None:
    good = mirrored(OK, "good")
    bad = [
        good._replace(value=b"{"),
        good._replace(value=b'{"features":' + b"[" * 100_000),
        good._replace(value=b"{}"),
        good._replace(headers=()),
        mirrored(OK, "../v1"),
        mirrored(OK, *(f"v{number}" for number in range(MOST_ARMS + 1))),
    ]
    emissions = await stage(bundles)(Batch("mirrored", [*bad, good]))
    assert [emission.topic for emission in emissions] == ["dead"] * 6 + ["shadows"]
    assert [json.loads(letter.value)["reason"] for letter in emissions[:6]] == [*["not_json"] * 2, *["invalid"] * 4]


async def test_the_rows_of_a_request_keep_their_numbers_however_many_records_they_take(
    bundles: dict[str, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.pair.MAX_RESULT_BYTES", 1000)
    results = await answered(stage(bundles), mirrored([OK] * 20, "good", many=True))
    assert len(results) > 1
    assert [row.row for result in results for row in result.rows] == list(range(20))
    assert MAX_RESULT_BYTES > 1000


async def test_the_time_of_a_trial_is_shared_out_by_rows(bundles: dict[str, Bundle]) -> None:
    one, three = await answered(stage(bundles), mirrored(OK, "good"), mirrored([OK] * 3, "good", many=True))
    assert three.challenger.latency_ms == pytest.approx(3 * (one.challenger.latency_ms or 0))
