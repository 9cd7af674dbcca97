"""Answers that say whether their rows are outliers: from the setting to the stored row."""

import logging
from dataclasses import replace
from typing import Any

import orjson
import pytest

from agents.persist import read_result
from agents.result_rows import stored_rows
from models.bundle import Bundle, read_bundle
from models.features import encode
from models.simulate import customer_rows
from streams.gateway.stored import as_result
from tests.agents.scorer import record
from tests.agents.test_answer import REPLY, Scorer, asking
from tests.agents.test_explained import StoredRow
from tests.models.conftest import trained


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return read_bundle(trained()["logistic_regression"])


@pytest.fixture(scope="module")
def rows(bundle: Bundle) -> list[dict[str, Any]]:
    """Usual ones, and between them one of whom everything is large."""
    first, second, third = customer_rows(3, seed=5)
    large = {one.name: 10_000 for one in bundle.signature.features if not one.categories and one.maximum is None}
    return [first, second | large, third]


def flags(bundle: Bundle, rows: list[dict[str, Any]]) -> list[bool]:
    assert bundle.detector is not None
    return bundle.detector.flags(bundle.detector.score(encode(bundle.signature, rows).matrix)).tolist()


def listed(rows: Any) -> Any:
    return record({"entity": "c-42", "rows": rows}, headers=REPLY)


@pytest.mark.contract("D4")
async def test_result_and_reply_say_of_each_row_what_the_monitor_finds(
    bundle: Bundle, rows: list[dict[str, Any]]
) -> None:
    scorer, expected = Scorer(bundle, flagging=True), flags(bundle, rows)
    assert set(expected) == {False, True}
    for emission in await scorer(listed(rows)):
        assert [row["outlier"] for row in orjson.loads(emission.value)["rows"]] == expected
    singles = [[orjson.loads(one.value)["outlier"] for one in await scorer(asking(row, headers=REPLY))] for row in rows]
    assert singles == [[flag, flag] for flag in expected]


@pytest.mark.contract("R4", "R7")
async def test_a_flag_changes_nothing_else_of_an_answer_and_nobody_who_did_not_want_it_has_one(
    bundle: Bundle, rows: list[dict[str, Any]]
) -> None:
    plain, flagged, again = [(await Scorer(bundle, on)(listed(rows)))[0].value for on in (False, True, True)]
    assert flagged == again
    body = orjson.loads(flagged)
    assert [row.pop("outlier") for row in body["rows"]] == flags(bundle, rows)
    assert body == orjson.loads(plain)


async def test_a_refused_request_has_no_flag_and_shifts_nobody_elses(
    bundle: Bundle, rows: list[dict[str, Any]]
) -> None:
    wrong, (usual, odd, _) = {"age": 1}, rows
    asked = [asking(wrong), asking(odd), listed([usual, odd]), listed([odd, wrong]), asking(usual)]
    bodies = [orjson.loads(one.value) for one in await Scorer(bundle, True)(*asked) if one.topic == "results"]
    assert [body["status"] for body in bodies] == ["invalid", "ok", "ok", "invalid", "ok"]
    assert [body.get("outlier") for body in bodies] == [None, True, None, None, False]
    assert [row["outlier"] for row in bodies[2]["rows"]] == [False, True]


async def test_the_sink_keeps_it_and_it_is_shown_again(bundle: Bundle, rows: list[dict[str, Any]]) -> None:
    for flagging, expected in ((True, flags(bundle, rows)), (False, [None] * 3)):
        [result, _] = await Scorer(bundle, flagging)(listed(rows))
        shown = as_result([StoredRow(one) for one in stored_rows(read_result(record(result.value)))])
        assert shown is not None
        assert [row.get("outlier") for row in shown["rows"]] == expected


class Broken:
    """A detector's graph that fails."""

    def score(self, matrix: Any) -> Any:
        raise RuntimeError("out of order")


async def test_a_model_without_a_detector_or_with_one_that_fails_answers_without_flags(
    bundle: Bundle, rows: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    assert bundle.detector is not None
    broken = replace(bundle.detector, scorer=Broken())
    for detector in (None, broken):
        with caplog.at_level(logging.ERROR, "weir.score"):
            body = await Scorer(replace(bundle, detector=detector), True).result(listed(rows))
        assert body["status"] == "ok"
        assert not any("outlier" in row for row in body["rows"])
    assert [one.message for one in caplog.records] == [
        f"the outlier detector of {bundle.version} failed: these answers say of no row whether it is one"
    ]
