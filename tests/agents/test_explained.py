"""Explanations from the request to the stored row: who asks, what it costs, what is answered and shown again."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from agents.answer import Scorer as Stage
from agents.explained import TOO_MANY, TOO_SLOW, WITHIN
from agents.persist import read_result
from agents.result_rows import stored_rows
from models.bundle import Bundle, read_bundle
from models.explain import AT_ONCE, TRIED
from models.simulate import customer_rows
from schemas.errors import InvalidRequest
from schemas.message import Emission, Record
from schemas.request import MOST_EXPLAINED, read_request, read_usual
from streams.gateway.stored import as_result
from tests.agents.scorer import NOW, FakeLimiter, batch, credential, record
from tests.agents.test_answer import REPLY, Scorer
from tests.models.conftest import trained


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return customer_rows(3, seed=5)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


@pytest.fixture
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle)


def asking(rows: Any, explain: Any = True) -> Record:
    asked = {"rows": rows} if isinstance(rows, list) else {"features": rows}
    return record({"entity": "c-42", "explain": explain, **asked}, headers=REPLY)


def answers(emission: Emission) -> list[dict[str, Any]]:
    body = orjson.loads(emission.value)
    return body.get("rows", [body])


async def test_each_answer_that_was_asked_to_be_explained_adds_up(scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    for asked in (rows, rows[0]):
        result, reply = await scorer(asking(asked))
        assert [one["explanation"] for one in answers(result)] == [one["explanation"] for one in answers(reply)]
        for one in answers(result):
            explained = one["explanation"]
            shares = [share["attribution"] for share in explained["attributions"]]
            assert len(shares) == 5
            assert abs(explained["base"] + sum(shares) + explained["others"] - one["churn_probability"]) < 1e-6
            for share in explained["attributions"]:
                assert share["value"] == one["features"][share["feature"]]


@pytest.mark.contract("R4", "R7")
async def test_an_explanation_changes_no_answer_and_comes_out_the_same_again(
    scorer: Scorer, rows: list[dict[str, Any]]
) -> None:
    plain, explained, again = [(await scorer(asking(rows[0], explain)))[0] for explain in (False, True, True)]
    [first], [second] = answers(explained), answers(again)
    assert first == second
    assert {name: value for name, value in first.items() if name != "explanation"} == answers(plain)[0]


async def test_an_explained_row_costs_more_tokens(scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    for asked, explain in ((rows, True), (rows, False), (rows[0], True)):
        await scorer(asking(asked, explain))
    assert [charge.cost for charge in scorer.limiter.charges] == [30, 3, 10]


async def test_what_a_bucket_never_holds_is_told_with_what_would_fit(
    bundle: Bundle, rows: list[dict[str, Any]]
) -> None:
    scorer = Scorer(bundle)
    scorer.limiter = FakeLimiter(explain_cost=40)
    body = orjson.loads((await scorer(asking(rows)))[0].value)
    assert (body["status"], body["error"]["code"]) == ("invalid", "too_many_rows")
    assert (
        "3 rows of 40 tokens with their explanations and its key's bucket holds 100 at most" in body["error"]["message"]
    )
    assert credential().key.capacity == 100


async def test_the_sink_keeps_it_and_it_is_shown_again(scorer: Scorer, rows: list[dict[str, Any]]) -> None:
    result, _ = await scorer(asking(rows))
    [first, *_] = stored = list(stored_rows(read_result(record(result.value))))
    assert first.metadata is not None
    assert first.metadata["explanation"] == answers(result)[0]["explanation"]
    shown = as_result([StoredRow(one) for one in stored])
    assert shown is not None
    assert [one["explanation"] for one in shown["rows"]] == [one["explanation"] for one in answers(result)]


class StoredRow:
    """A stored prediction as the database hands it back."""

    def __init__(self, stored: Any) -> None:
        self._stored = stored
        self.extra = stored.metadata

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)


@pytest.mark.contract("R1")
@pytest.mark.parametrize(
    ("explain", "rows", "field"),
    [("yes", 1, "explain"), (1, 1, "explain"), (None, 1, "explain"), (True, MOST_EXPLAINED + 1, "rows")],
)
def test_a_wrong_wish_is_refused_by_name(explain: Any, rows: int, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_request({"entity": "c", "explain": explain, "rows": [{}] * rows})
    assert [wrong.field for wrong in refused.value.fields] == [field]


async def test_who_did_not_ask_gets_no_explanation_beside_those_who_did(
    scorer: Scorer, rows: list[dict[str, Any]]
) -> None:
    asked = [asking(rows[0]), asking(rows[0], False), asking({"age": 1}), asking(rows)]
    bodies = [orjson.loads(one.value) for one in await scorer(*asked) if one.topic == "results"]
    assert ["explanation" in body for body in bodies] == [True, False, False, False]
    assert [body["status"] for body in bodies] == ["ok", "ok", "invalid", "ok"]
    assert ["explanation" in row for row in bodies[3]["rows"]] == [True] * 3


async def test_the_loop_goes_on_while_a_model_explains(bundle: Bundle, rows: list[dict[str, Any]]) -> None:
    """Else no heartbeat is sent meanwhile."""
    begun, turned, waited = threading.Event(), threading.Event(), []

    class Waiting:
        def score(self, matrix: Any) -> Any:
            if len(matrix) > 1:  # not the answer itself
                begun.set()
                waited.append(turned.wait(5))
            return bundle.scorer.score(matrix)

    stage = asyncio.create_task(Scorer(replace(bundle, scorer=Waiting()))(asking(rows[0])))
    while not (begun.is_set() or stage.done()):
        await asyncio.sleep(0)
    turned.set()
    await stage
    assert waited
    assert all(waited)


class Slow:
    """A model that takes `each` for a row, on a clock of its own."""

    def __init__(self, bundle: Bundle, each: timedelta) -> None:
        self.bundle, self.each, self.now = bundle, each, NOW

    def score(self, matrix: Any) -> Any:
        self.now += self.each * len(matrix)
        return self.bundle.scorer.score(matrix)

    def stage(self) -> Stage:
        return replace(Scorer(replace(self.bundle, scorer=self)).stage, clock=lambda: self.now)


async def test_the_time_for_the_explanations_of_a_batch_is_bounded_and_no_answer_is_lost_for_it(
    bundle: Bundle, rows: list[dict[str, Any]]
) -> None:
    slow = Slow(bundle, WITHIN / (2 * TRIED))
    emitted = await slow.stage()(batch(asking(rows), asking(rows[0])))
    bodies = [orjson.loads(one.value) for one in emitted if one.topic == "results"]
    explanations = [row["explanation"] for row in bodies[0]["rows"]] + [bodies[1]["explanation"]]
    assert ["attributions" in one for one in explanations] == [True, True, False, False]
    assert explanations[2:] == [TOO_MANY, TOO_MANY]
    assert [body["status"] for body in bodies] == ["ok", "ok"]


async def test_a_model_that_is_too_slow_to_be_explained_is_not_waited_for(
    bundle: Bundle, rows: list[dict[str, Any]]
) -> None:
    slow = Slow(bundle, WITHIN / AT_ONCE / 2)
    result, _ = await slow.stage()(batch(asking(rows[0])))
    [one] = answers(result)
    assert one["explanation"] == TOO_SLOW
    assert one["status"] == "ok"
    assert slow.now - NOW < WITHIN * 2


@pytest.mark.parametrize("explain", [True, False])
def test_one_row_that_is_to_be_explained_takes_the_fast_way_too(explain: bool) -> None:
    body = b'{"entity":"c","features":{"a":1},"explain":%b}' % (b"true" if explain else b"false")
    usual = read_usual(body, "c")
    assert usual is not None
    assert usual.explain == explain
