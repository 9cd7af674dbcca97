"""The scorer's stage as a whole: one terminal event per request, and what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from agents.answer import Scorer as Stage
from agents.ending import Outlets
from agents.parts import PART_BYTES, PART_RECORDS
from models.bundle import Bundle, read_bundle
from models.simulate import customer_rows
from schemas import headers as h
from schemas.message import Emission, Record
from schemas.request import MAX_NAMED
from schemas.result import PredictionResult
from schemas.wire import MAX_BODY_BYTES, encode
from tests.agents.scorer import NOW_MS, FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.conftest import published  # noqa: F401
from tests.models.routing.plans import champions

OUTLETS = Outlets("results", "replies", "dead-letters", 4, "mirrored")
REPLY = {h.REPLY_PARTITION: b"3", h.REPLY_INSTANCE: b"gateway-1"}


@pytest.fixture(scope="module")
def bundle(published: dict[str, Mapping[str, bytes]]) -> Bundle:  # noqa: F811
    return read_bundle(published["logistic_regression"])


@pytest.fixture(scope="module")
def features() -> dict[str, Any]:
    return customer_rows(1, seed=5)[0]


class Scorer:
    """Runs the stage on a few records."""

    def __init__(self, bundle: Bundle, flagging: bool = False) -> None:
        self.bundle = bundle
        self.flagging = flagging
        self.counters = FakeCounters()
        self.limiter = FakeLimiter()

    @property
    def stage(self) -> Stage:
        router = champions({"churn": self.bundle})
        return Stage(FakeKeys(), self.limiter, router, clock, self.counters, OUTLETS, self.flagging)

    async def __call__(self, *records: Record) -> list[Emission]:
        return await self.stage(batch(*records))

    async def result(self, given: Record) -> dict[str, Any]:
        [first, *_] = await self(given)
        assert first.topic == "results"
        return orjson.loads(first.value)


@pytest.fixture
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle)


def asking(features: Any, **more: Any) -> Record:
    return record({"entity": "c-42", "features": features}, **more)


@pytest.mark.contract("R5", "R6")
async def test_an_answer_says_everything_the_contract_lists(scorer: Scorer, features: dict[str, Any]) -> None:
    result = await scorer.result(asking(features))
    probability = result["churn_probability"]
    assert sum(result["predictions"]) == pytest.approx(1, abs=1e-12)
    assert result["predictions"][1] == probability
    assert result["risk_score"] == 100 * probability
    assert result["label"] == int(probability >= scorer.bundle.threshold)
    assert (result["strategy"], result["arm"], result["route_epoch"]) == ("champion", "champion", 1)
    assert (result["model"], result["model_version"]) == ("churn", scorer.bundle.version)
    assert PredictionResult.model_validate(result).status == "ok"
    assert result["features"] == features


@pytest.mark.contract("R7")
@pytest.mark.parametrize("literal", [b"1" + b"0" * 20, b"1" + b"0" * 4500 + b"e-4490", b"0.5" + b"0" * 30], ids=len)
async def test_whatever_number_is_answered_its_result_can_be_read_and_stored(
    scorer: Scorer, features: dict[str, Any], literal: bytes
) -> None:
    body = orjson.dumps({"entity": "c-42", "features": {**features, "total_revenue": 123456.5}})
    [emission] = await scorer(record(body.replace(b"123456.5", literal)))
    result = PredictionResult.model_validate_json(emission.value)
    assert (result.status, (result.features or {})["total_revenue"]) == ("ok", float(literal))
    assert len(orjson.dumps(result.features)) < 1000


async def test_the_reply_is_the_result_without_features_and_key_id(scorer: Scorer, features: dict[str, Any]) -> None:
    result, reply = await scorer(asking(features, headers=REPLY))
    assert (reply.topic, reply.partition) == ("replies", 3)
    body = orjson.loads(result.value)
    assert orjson.loads(reply.value) == {k: v for k, v in body.items() if k not in ("features", "key_id")}
    assert dict(reply.headers)[h.REPLY_INSTANCE] == b"gateway-1"
    assert orjson.loads(dict(reply.headers)[h.RATE_LIMIT]) == {
        "limit": 1000,
        "remaining": 7,
        "reset": NOW_MS // 1000 + 4,
        "retry_after": 0,
    }


@pytest.mark.parametrize("partition", [b"4", b"-1", b"x", b"9999999"])
async def test_a_reply_partition_that_does_not_exist_gets_no_reply(
    scorer: Scorer, features: dict[str, Any], partition: bytes
) -> None:
    emissions = await scorer(asking(features, headers={**REPLY, h.REPLY_PARTITION: partition}))
    assert [emission.topic for emission in emissions] == ["results"]


@pytest.mark.contract("R4", "R7")
async def test_the_answer_does_not_depend_on_neighbours_repetition_or_key_order(scorer: Scorer) -> None:
    rows = customer_rows(40, seed=9)
    together = await scorer(*(asking(row, offset=i) for i, row in enumerate(rows)))
    for row, emission in zip(rows, together, strict=True):
        alone = await scorer.result(asking(dict(reversed(row.items()))))
        assert alone["predictions"] == orjson.loads(emission.value)["predictions"]


@pytest.mark.contract("R4")
async def test_several_rows_are_answered_in_order(scorer: Scorer) -> None:
    rows = customer_rows(5, seed=9)
    result = await scorer.result(record({"entity": "c-42", "rows": rows}))
    singles = [await scorer.result(asking(row)) for row in rows]
    assert [row["predictions"] for row in result["rows"]] == [single["predictions"] for single in singles]
    assert [row["features"] for row in result["rows"]] == rows
    assert "predictions" not in result


@pytest.mark.contract("R1", "R6")
async def test_a_refused_row_is_named_and_becomes_a_dead_letter(scorer: Scorer, features: dict[str, Any]) -> None:
    bad = {**features, "email_open_rate": 1.5, "total_orders": "3"}
    result, dead = await scorer(asking(bad))
    body = orjson.loads(result.value)
    assert body["status"] == "invalid"
    assert body["model_version"] == scorer.bundle.version
    assert [field["field"] for field in body["error"]["fields"]] == ["total_orders", "email_open_rate"]
    assert (dead.topic, orjson.loads(dead.value)["reason"]) == ("dead-letters", "invalid_request")
    result, _ = await scorer(record({"entity": "c-42", "rows": [features, bad]}))
    fields = [field["field"] for field in orjson.loads(result.value)["error"]["fields"]]
    assert fields == ["rows[1].total_orders", "rows[1].email_open_rate"]


@pytest.mark.contract("R1")
async def test_a_refusal_of_many_rows_says_how_many_more_there_are(scorer: Scorer) -> None:
    result, _ = await scorer(record({"entity": "c-42", "rows": [{}] * 20}))
    fields = orjson.loads(result.value)["error"]["fields"]
    assert len(fields) == MAX_NAMED + 1
    assert fields[-1]["reason"] == f"and {20 * 21 - MAX_NAMED} more"


async def test_an_unknown_model_is_answered_with_the_known_ones(scorer: Scorer, features: dict[str, Any]) -> None:
    result = await scorer.result(record({"entity": "c-42", "model": "fraud", "features": features}))
    assert result["status"] == "invalid"
    assert "churn" in result["error"]["fields"][0]["reason"]


@pytest.mark.contract("R2")
async def test_a_category_not_seen_in_training_is_answered_and_counted(
    scorer: Scorer, features: dict[str, Any]
) -> None:
    result = await scorer.result(asking({**features, "payment_method": "seashells"}))
    assert result["status"] == "ok"
    assert scorer.counters.unseen == {"payment_method": 1}


@pytest.mark.contract("R6")
async def test_every_record_of_a_mixed_batch_ends_once_in_order(scorer: Scorer, features: dict[str, Any]) -> None:
    scorer.limiter.outcomes = {1: "denied"}
    emissions = await scorer(
        asking(features, offset=0, request_id=b"r-0"),
        asking(features, offset=1, request_id=b"r-1"),
        asking(features, offset=2, request_id=b"r-2", secret=b"forged"),
        asking({}, offset=3, request_id=b"r-3"),
        asking(features, offset=4, request_id=b"r-4", headers={h.DEADLINE: b"1"}),
        record(b"{", offset=5, request_id=b"r-5"),
        asking(features, offset=6, without=[h.REQUEST_ID]),
    )
    ended = [(b["request_id"], b["status"]) for e in emissions if e.topic == "results" for b in [orjson.loads(e.value)]]
    statuses = ["ok", "rate_limited", "unauthorized", "invalid", "expired", "invalid"]
    assert ended == [(f"r-{i}", status) for i, status in enumerate(statuses)]
    dead = [orjson.loads(e.value) for e in emissions if e.topic == "dead-letters"]
    assert [(d["reason"], d["offset"]) for d in dead] == [
        ("invalid_request", 3),
        ("expired", 4),
        ("not_json", 5),
        ("no_request_id", 6),
    ]
    assert scorer.counters.limited == 1
    assert sum(count for _, _, count in scorer.counters.ended) == 7


@pytest.mark.contract("R6")
async def test_a_batch_of_several_parts_is_charged_part_by_part_and_answered_in_order(
    scorer: Scorer, features: dict[str, Any]
) -> None:
    count = 2 * PART_RECORDS + 1
    emissions = await scorer(*(asking(features, offset=i, request_id=b"r-%d" % i) for i in range(count)))
    assert [orjson.loads(emission.value)["request_id"] for emission in emissions] == [f"r-{i}" for i in range(count)]
    assert [charge.offset for charge in scorer.limiter.charges] == list(range(count))
    assert scorer.limiter.calls == 3


async def test_a_batch_of_large_records_lets_the_event_loop_breathe(scorer: Scorer, features: dict[str, Any]) -> None:
    body = encode({"entity": "c-42", "features": features}).ljust(MAX_BODY_BYTES)
    count = 3 * PART_BYTES // len(body)
    emissions = await scorer(*(record(body, offset=i, request_id=b"r-%d" % i) for i in range(count)))
    assert [orjson.loads(emission.value)["request_id"] for emission in emissions] == [f"r-{i}" for i in range(count)]
    assert scorer.limiter.calls >= 3


async def test_an_empty_batch_is_answered_with_nothing(scorer: Scorer) -> None:
    assert await scorer() == []


@pytest.mark.contract("B6")
async def test_an_answer_given_without_redis_is_flagged(scorer: Scorer, features: dict[str, Any]) -> None:
    scorer.limiter.degraded = True
    assert (await scorer.result(asking(features)))["degraded"] is True


@pytest.mark.contract("B1")
async def test_what_a_dry_run_lets_pass_is_scored_and_counted_apart(scorer: Scorer, features: dict[str, Any]) -> None:
    scorer.limiter.would_refuse = True
    await scorer(asking(features), asking({}, offset=1))
    assert [status for _, status, _ in scorer.counters.ended] == ["ok", "invalid"]
    assert (scorer.counters.past_limit, scorer.counters.limited) == (2, 0)
    scorer.limiter.would_refuse = False
    await scorer(asking(features))
    assert scorer.counters.past_limit == 2


@pytest.mark.contract("R6", "R9")
async def test_a_record_that_is_given_up_ends_as_error_with_an_id_and_no_internals(
    scorer: Scorer, features: dict[str, Any]
) -> None:
    result, dead = scorer.stage.give_up(asking(features), 3, "id-1")
    body = orjson.loads(result.value)
    assert (body["status"], body["error"]["error_id"]) == ("error", "id-1")
    letter = orjson.loads(dead.value)
    assert (letter["reason"], letter["attempt"]) == ("crashed", 3)
    assert scorer.counters.dead == {"crashed": 1}


class BrokenScorer:
    """Answers with no number."""

    def score(self, matrix: Any) -> Any:
        import numpy as np

        return np.full(len(matrix), np.nan)


@pytest.mark.contract("R6")
async def test_a_model_that_answers_with_no_number_ends_as_error_under_an_id_that_the_log_has(
    bundle: Bundle, features: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    result, dead = await Scorer(Bundle(bundle.manifest, BrokenScorer()))(asking(features))
    body = orjson.loads(result.value)
    assert body["status"] == "error"
    [logged] = [record.__dict__["data"] for record in caplog.records]
    assert logged["error_id"] == body["error"]["error_id"]
    assert logged["request_id"] == body["request_id"]
    assert orjson.loads(dead.value)["reason"] == "model_failed"


@dataclass
class PickyScorer:
    """Raises where a row's first feature is 77, else answers as the real one."""

    real: Any
    error: Exception

    def score(self, matrix: Any) -> Any:
        if (matrix[:, 0] == 77).any():
            raise self.error
        return self.real.score(matrix)


@pytest.mark.contract("R6")
async def test_a_model_that_raises_for_one_request_costs_only_that_one_its_answer(
    bundle: Bundle, features: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    first = next(iter(features))
    scorer = Scorer(Bundle(bundle.manifest, PickyScorer(bundle.scorer, RuntimeError("secret internals"))))
    asked = [asking({**features, first: value}, offset=value) for value in (76, 77, 78)]
    emitted = await scorer(*asked)
    bodies = [orjson.loads(item.value) for item in emitted if item.topic == "results"]
    assert [body["status"] for body in bodies] == ["ok", "error", "ok"]
    assert (bodies[1]["model_version"], bodies[1]["error"]["code"]) == (bundle.version, "model_failed")
    assert b"internals" not in b"".join(item.value for item in emitted)
    [logged] = [record.__dict__["data"] for record in caplog.records]
    assert (logged["error_id"], logged["cause"]) == (bodies[1]["error"]["error_id"], "RuntimeError: secret internals")


async def test_a_worker_out_of_memory_crashes_and_blames_no_request(bundle: Bundle, features: dict[str, Any]) -> None:
    scorer = Scorer(Bundle(bundle.manifest, PickyScorer(bundle.scorer, MemoryError())))
    with pytest.raises(MemoryError):
        await scorer(asking({**features, next(iter(features)): 77}))


async def test_a_long_key_of_a_refused_record_does_not_make_a_long_result(scorer: Scorer) -> None:
    result, *_ = await scorer(record(b"{", key=b"k" * 100_000))
    assert result.key is not None
    assert len(result.key) <= 1024
