"""Which recorded results are answered again, and in which batches."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from agents.recording import BATCH_BYTES, BATCH_ROWS, Recording
from schemas.errors import Undecodable
from schemas.recorded import read_recorded

ROW = {"predictions": [0.5, 0.5], "label": 1, "features": {"f0": 1}}


def result(request_id: str, rows: int | None = None, **more: Any) -> bytes:
    said = {"request_id": request_id, "status": "ok", "entity": "c", "model": "m", "model_version": "v1"}
    return orjson.dumps({**said, **(ROW if rows is None else {"rows": [ROW] * rows}), **more})


def chosen(recording: Recording, *values: bytes | None) -> list[list[str]]:
    return [[request.request_id for request in batch] for batch in recording.batches(iter(values))]


def test_what_was_answered_by_the_model_is_chosen_and_the_rest_passed_over() -> None:
    refused = orjson.dumps({"request_id": "r", "status": "invalid", "entity": None, "model": "m", "error": {}})
    values = [result("a"), refused, result("b", model="n"), b"{", None, result("c", model_version="v2"), b"\xff"]
    recording = Recording("m")
    assert chosen(recording, *values) == [["a", "c"]]
    assert (recording.results, recording.chosen, recording.unreadable) == (7, 2, 3)
    assert recording.told() == "m v1: 1, n v1: 1, m v2: 1"


def test_one_versions_answers_alone() -> None:
    recording = Recording("m", answered_by="v2")
    assert chosen(recording, result("a"), result("b", model_version="v2")) == [["b"]]


def test_no_more_is_read_than_the_limit_asks_for() -> None:
    def endless() -> Iterator[bytes]:
        yield result("other", model="n")
        while True:
            yield result("a")

    recording = Recording("m", limit=3)
    assert [len(batch) for batch in recording.batches(endless())] == [3]
    assert recording.results == 4


def test_a_batch_holds_so_many_rows_or_one_request() -> None:
    sizes = [1, BATCH_ROWS - 2, 1, 1, BATCH_ROWS + 7, 2]
    values = [result(f"{i}", None if size == 1 else size) for i, size in enumerate(sizes)]
    assert chosen(Recording("m"), *values) == [["0", "1", "2"], ["3"], ["4"], ["5"]]


def test_a_batch_holds_so_many_bytes_or_one_request() -> None:
    half = {"features": {"f0": "x" * (BATCH_BYTES // 2 - 1000)}}
    values = [result("a", **half), result("b", **half), result("c", **half)]
    assert chosen(Recording("m"), *values) == [["a", "b"], ["c"]]


@pytest.mark.parametrize("missing", ["model", "model_version", "features"])
def test_an_answer_needs_model_version_and_features(missing: str) -> None:
    body = {name: value for name, value in orjson.loads(result("a")).items() if name != missing}
    with pytest.raises(Undecodable, match="an answer needs"):
        read_recorded(orjson.dumps(body))


def test_nothing_of_a_request_without_rows_is_chosen() -> None:
    recording = Recording("m")
    assert chosen(recording, result("a", 0)) == []
    assert recording.unreadable == 1
