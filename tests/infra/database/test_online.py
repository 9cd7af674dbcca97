"""A learner and its place are kept as one, and by one learner only."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from infra.database import PostgresStore
from infra.database.online import OnlineModels
from schemas.online import Checkpoint
from schemas.stored import Position
from tests.infra.database.rows import prediction


@pytest.fixture
def learners(engine: Engine) -> OnlineModels:
    return OnlineModels(engine)


@pytest.fixture
def model() -> str:
    return f"churn-{uuid4().hex[:8]}"


def checkpoint(model: str, next_offset: int = 7, edition: int = 0) -> Checkpoint:
    state = '{"weights":[-0.0,1e-320,0.1,1.7976931348623157e308]}'
    return Checkpoint(model, "log-1", next_offset, next_offset, 5, "v1", state, edition)


@pytest.mark.contract("F3", "F4")
def test_what_is_kept_comes_back_to_the_last_bit(learners: OnlineModels, model: str) -> None:
    assert learners.load(model) is None
    first = learners.save(checkpoint(model))
    assert first == checkpoint(model, edition=1) == learners.load(model)
    second = learners.save(checkpoint(model, next_offset=9, edition=1))
    assert second == checkpoint(model, next_offset=9, edition=2) == learners.load(model)


@pytest.mark.contract("F4")
def test_whoever_was_overtaken_writes_nothing(learners: OnlineModels, model: str) -> None:
    zombie = learners.save(checkpoint(model))
    assert zombie is not None
    kept = learners.save(replace(zombie, next_offset=20))
    for late in (replace(zombie, next_offset=8), replace(zombie, next_offset=20), replace(zombie, next_offset=99)):
        assert learners.save(late) is None
        assert learners.load(model) == kept
    assert learners.save(checkpoint(model)) is None, "nor does one that found nothing kept"
    anew = learners.save(replace(kept or zombie, log="log-2", next_offset=0))
    assert anew is not None, "a topic that is made anew begins again"


@pytest.mark.contract("F4")
@pytest.mark.parametrize("edition", [0, 1])
def test_of_several_that_keep_at_the_same_moment_one_does(learners: OnlineModels, model: str, edition: int) -> None:
    if edition:
        learners.save(checkpoint(model))
    together = Barrier(4)

    def keep(next_offset: int) -> Checkpoint | None:
        together.wait(10)
        return learners.save(checkpoint(model, next_offset, edition))

    with ThreadPoolExecutor(4) as threads:
        kept = [one for one in threads.map(keep, range(100, 104)) if one is not None]
    assert kept == [learners.load(model)]


async def save(store: PostgresStore, topic: str, request_ids: Sequence[str]) -> None:
    rows = [prediction(one, row=row, features={"n": row, "x": 0.1}) for one in request_ids for row in (0, 1)]
    await store.save_predictions([*rows, prediction(f"{topic}-no", status="invalid")], [Position(topic, 0, 1)])


@pytest.mark.contract("F4")
async def test_rows_are_found_by_request_and_row_and_those_that_are_stored_no_more_are_none(
    learners: OnlineModels, store: PostgresStore, topic: str
) -> None:
    first, second, other = f"{topic}-'\"é", f"{topic}-2", f"{topic}-3"
    await save(store, topic, [first, second, other])
    keys = [(second, 1), (first, 0), (f"{topic}-no", 0), (f"{topic}-gone", 0), (second, 2)]
    assert learners.features(keys) == {(second, 1): {"n": 1, "x": 0.1}, (first, 0): {"n": 0, "x": 0.1}}
    assert learners.features([]) == {}
    nowhere = [("\x00", 0), (first, -1), (first, 2**31), (first, 10**30), ("\ufffd" * 10_000, 0)]
    assert learners.features([*nowhere, (first, 0)]) == {(first, 0): {"n": 0, "x": 0.1}}
