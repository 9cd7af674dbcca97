"""The monitor's first stage: each row of a result is counted once, however batches are cut and whatever is repeated."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from agents.rows import MOST_KEYS
from models.drift import Sketch, merged, read_sketch
from schemas.errors import Unavailable
from schemas.message import Emission, Record
from schemas.sketches import SKETCHED, CellSketch
from tests.agents.watched import (
    NOON_MS,
    SLOT_MS,
    TOPIC,
    FakeMonitorCounters,
    FakeReferences,
    answer,
    batch,
    cells,
    features,
    result,
    stage,
    watched,
)

VERSIONS = {("m", "v1"): watched(1), ("m", "v2"): watched(2)}


def traffic(random: Random, count: int) -> list[Record]:
    """Of two versions and five minutes, on three partitions with gaps; some of several rows, some with no answer."""
    ends, records = [random.randrange(1000) for _ in range(3)], []
    for _ in range(count):
        partition = random.randrange(3)
        ends[partition] += random.choice([1, 1, 1, 2, 40])
        rows = [answer(random) for _ in range(random.choice([1, 1, 3]))]
        more = rows[0] if len(rows) == 1 else {"rows": rows}
        if random.random() < 0.1:
            more = {"status": "rate_limited", "error": {"code": "rate_limited"}}
        at_ms, version, key = NOON_MS + random.randrange(300_000), random.choice(["v1", "v2"]), random.choice("ab")
        records.append(result(ends[partition], partition, at_ms=at_ms, model_version=version, key_id=key * 11, **more))
    return records


def counted(emissions: Sequence[Emission]) -> dict[str, tuple[dict[str, Sketch], Counter[int]]]:
    """version -> its rows by key, and by time, by the last that was said of each place."""
    last: dict[tuple[str, int, int], CellSketch] = {}
    for said in cells(emissions):
        place = said.version, said.partition, said.cell
        if place not in last or last[place].last <= said.last:
            last[place] = said
    found: dict[str, tuple[dict[str, Sketch], Counter[int]]] = {}
    for said in last.values():
        rows, times = found.setdefault(said.version, ({}, Counter()))
        for key_id, sketch in sketches_of(said).items():
            rows.setdefault(key_id, Sketch(sketch.reference)).merge(sketch)
        times.update(said.times)
    return found


def sketches_of(said: CellSketch) -> dict[str, Sketch]:
    reference = VERSIONS[said.model, said.version].reference
    return {key_id: read_sketch(reference, content) for key_id, content in said.rows.items()}


async def in_batches(random: Random, records: Sequence[Record], crashes: bool) -> list[Emission]:
    """What a monitor says that gets them in batches of any size; where it crashes another goes on."""
    sketching, emissions, waiting = stage(FakeReferences(VERSIONS)), [], list(records)
    committed = {record.partition: 0 for record in records}
    while waiting:
        size = random.randrange(1, 60)
        given = batch(sorted(waiting[:size], key=lambda record: record.partition))
        emissions += await sketching(given)
        if crashes and random.random() < 0.2:
            sketching = stage(FakeReferences(VERSIONS))  # before, or after, it could commit
            committed.update(given.ends() if random.random() < 0.5 else {})
            waiting = [record for record in records if record.offset >= committed[record.partition]]
        else:
            committed.update(given.ends())
            waiting = waiting[size:]
    return emissions


@pytest.mark.contract("D2")
@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("seed", range(5))
async def test_every_row_counts_once_however_batches_are_cut_and_repeated(seed: int, crashes: bool) -> None:
    random = Random(seed)
    records = traffic(random, 400)
    whole = counted(await stage(FakeReferences(VERSIONS))(batch(sorted(records, key=lambda r: r.partition))))
    found = counted(await in_batches(random, records, crashes))
    assert found == whole
    rows = {version: sum(sketch.rows for sketch in by_key.values()) for version, (by_key, _) in whole.items()}
    assert sum(rows.values()) > 400
    assert rows == {version: sum(times.values()) for version, (_, times) in whole.items()}


@pytest.mark.contract("D2")
async def test_partitions_together_are_as_one() -> None:
    random = Random(3)
    rows = [answer(random) for _ in range(300)]
    apart = await stage()(batch([result(i // 3, i % 3, **row) for i, row in enumerate(rows)]))
    alone = await stage()(batch([result(i, **row) for i, row in enumerate(rows)]))
    reference = VERSIONS["m", "v1"].reference
    parts, whole = (
        merged(reference, [sketch for said in cells(some) for sketch in sketches_of(said).values()])
        for some in (apart, alone)
    )
    assert (parts, parts.rows) == (whole, 300)


async def test_rows_belong_to_the_time_of_their_request() -> None:
    random = Random(4)
    records = [result(i, at_ms=NOON_MS + i * SLOT_MS // 2, **answer(random)) for i in range(4)]
    [said] = cells(await stage()(batch(records)))
    assert said.times == {NOON_MS: 2, NOON_MS + SLOT_MS: 2}


async def test_what_is_not_read_again_is_committed() -> None:
    given = batch([result(offset, partition, **answer(Random(1))) for partition, offset in ((0, 300), (1, 7))])
    await stage()(given)
    assert given.ends() == {0: SKETCHED, 1: 0}


async def test_a_batch_that_failed_is_counted_once_when_it_is_asked_again() -> None:
    sketching = stage(FakeReferences(VERSIONS, [Unavailable("model store", "away")]))
    given = batch([result(0, **answer(Random(1)))])
    with pytest.raises(Unavailable):
        await sketching(given)
    [said] = cells(await sketching(given))
    assert said.times == {NOON_MS: 1}
    assert await sketching(given) == []


async def test_rows_that_nothing_is_known_of_are_counted_apart() -> None:
    counters, random = FakeMonitorCounters(), Random(5)
    sketching = stage(FakeReferences(VERSIONS), counters)
    strange: dict[str, Any] = {"predictions": [0.5, 0.5], "features": {**features(random), "more": 1}}
    records = [
        result(0, model_version="v9", **answer(random)),
        result(1, **strange),
        result(2, **answer(random)),
        result(3)._replace(value=b"no result"),
        result(4)._replace(value=None),
    ]
    [said] = cells(await sketching(batch(records)))
    assert (said.last, counters.rows, counters.lost) == (4, {"v1": 1}, {"no_reference": 1, "other_features": 1})


@pytest.mark.parametrize("predictions", [[None, None], [0.5], []])
async def test_an_answer_that_is_none_counts_as_missing(predictions: list[float | None]) -> None:
    row: dict[str, Any] = {**answer(Random(6)), "predictions": predictions}
    [said] = cells(await stage()(batch([result(0, **row)])))
    [sketch] = sketches_of(said).values()
    found = sketch.distributions()
    assert (found[-1].missing, [column.missing for column in found[:-1]]) == (1, [0, 0, 0])


async def test_a_result_that_is_nested_beyond_measure_is_passed_over() -> None:
    deep = b'{"unknown":' + b"[" * 100_000
    [said] = cells(await stage()(batch([result(0)._replace(value=deep), result(1, **answer(Random(7)))])))
    assert (said.last, sum(said.times.values())) == (1, 1)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"])
async def test_a_request_of_the_calendars_ends_is_of_a_time_that_a_window_can_have(moment: str) -> None:
    late = result(0, requested_at=moment, **answer(Random(8)))._replace(timestamp=2**63 - 1)
    [said] = cells(await stage()(batch([late])))
    [slot_ms] = said.times
    assert datetime.fromtimestamp((slot_ms + SLOT_MS) / 1000, UTC).year in (1970, 9999)


async def test_a_request_is_no_later_than_its_answer() -> None:
    [said] = cells(await stage()(batch([result(0, requested_at="9999-12-31T23:59:59Z", **answer(Random(8)))])))
    assert said.times == {NOON_MS: 1}


async def test_a_sketch_says_from_where_on_it_counts_and_in_which_log() -> None:
    random = Random(9)
    by = replace(stage(FakeReferences(VERSIONS)), logs={TOPIC: "a log"})
    records = [result(260, model_version="v2", **answer(random)), *(result(i, **answer(random)) for i in (261, 270))]
    found = {said.version: said for said in cells(await by(batch(records)))}
    assert {version: (said.topic, said.first) for version, said in found.items()} == {
        "v1": ("a log", 261),
        "v2": ("a log", 260),
    }
    [said] = cells(await by(batch([result(271, **answer(random))])))
    assert (said.first, said.last) == (261, 271)


@pytest.mark.contract("D2")
async def test_rows_of_many_keys_are_told_apart_up_to_a_bound_however_batches_are_cut() -> None:
    """A key costs as many cells as there are, and a place has rows of as many keys as somebody cares to make."""
    random = Random(10)
    records = [result(i, key_id=f"key{i % 90:08}", **answer(random)) for i in range(256)]
    [whole] = cells(await stage()(batch(records)))
    by, last = stage(), None
    for first in range(0, 256, 7):
        [last] = cells(await by(batch(records[first : first + 7])))
    assert last is not None
    assert (len(whole.rows), sum(sketch.rows for sketch in sketches_of(whole).values())) == (MOST_KEYS + 1, 256)
    assert sketches_of(last) == sketches_of(whole)
