"""States of versions are saved once all that they led to is delivered, and what they do not count is read again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from agents.saving import Saving, Unsaved
from schemas.errors import Unavailable
from schemas.message import Batch, Emission, Record

TOPIC = "counted"
V1, V2 = ("m", "v1"), ("m", "v2")


@dataclass
class Sum:
    """The offsets of one version, summed."""

    total: int = 0
    unsaved: Unsaved = field(default_factory=Unsaved)

    def saved(self) -> bytes:
        return str(self.total).encode()

    def add(self, record: Record) -> None:
        self.total += record.offset
        self.unsaved.add(record)


@dataclass
class FakeStates:
    """What was saved, and how often it was asked for; raises what it is given first."""

    saved: dict[bytes, bytes] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)
    asked: int = 0

    async def __call__(self) -> dict[bytes, bytes]:
        if self.errors:
            raise self.errors.pop()
        self.asked += 1
        return self.saved


def records(*offsets: int, partition: int = 0) -> list[Record]:
    return [Record(TOPIC, partition, offset, 0, None, b"", ()) for offset in offsets]


def saving(states: FakeStates | None = None, every: int = 1000) -> Saving[Sum]:
    found: Saving[Sum] = Saving(states or FakeStates(), "states", every, b"sum:")
    found.followed.update({V1: Sum(), V2: Sum()})
    return found


def count(by: Saving[Sum], batch: Batch, whose: Sequence[tuple[str, str]], due: bool = False) -> list[Emission]:
    """As a stage does with a batch whose records are of these versions, one after the other."""
    emissions = list(by.delivered(batch))
    for record, version in zip(batch.records, whose, strict=True):
        by.followed[version].add(record)
        by.followed[version].unsaved.due |= due
    by.keep(batch)
    return emissions


def test_a_state_is_saved_with_the_next_batch_and_frees_what_it_counts() -> None:
    by, first, second = saving(), Batch(TOPIC, records(1, 2)), Batch(TOPIC, records(3))
    assert count(by, first, [V1, V1], due=True) == []
    assert first.ends() == {0: 1}
    [saved] = count(by, second, [V1])
    assert (saved.topic, saved.key, saved.value) == ("states", b"sum:m/v1", b"3")
    assert second.ends() == {0: 3}


def test_parts_of_a_batch_save_no_state_that_one_of_them_led_to() -> None:
    """They are delivered together: a state could be there without the events that it says were told."""
    by, whole = saving(), Batch(TOPIC, records(1, 2, 3, 4))
    parts = [replace(whole, records=whole.records[:2]), replace(whole, records=whole.records[2:])]
    assert count(by, parts[0], [V1, V1], due=True) == []
    assert count(by, parts[1], [V1, V1]) == []
    assert whole.ends() == {0: 1}
    [saved] = count(by, Batch(TOPIC, records(5)), [V1])
    assert saved.value == b"10"


def test_a_version_of_whom_hardly_anything_comes_keeps_no_partition_far_behind() -> None:
    by = saving(every=3)
    first = Batch(TOPIC, records(1, 2))
    count(by, first, [V2, V1])
    assert first.ends() == {0: 1}
    count(by, Batch(TOPIC, records(3, 4)), [V1, V1])
    third = Batch(TOPIC, records(5, 6))
    assert [saved.key for saved in count(by, third, [V1, V1])] == [b"sum:m/v2"]
    assert third.ends() == {0: 2}


async def test_only_what_another_may_have_gone_on_with_is_taken_over() -> None:
    states = FakeStates()
    by = saving(states)
    both = [*records(1, 2), *records(7, partition=1)]
    assert await by.taken_over(both) == {0, 1}
    by.keep(Batch(TOPIC, both))
    assert await by.taken_over([*records(3), *records(9, partition=1)]) == {1}
    assert states.asked == 2


async def test_a_record_that_is_passed_over_has_nothing_forgotten() -> None:
    states = FakeStates()
    by = saving(states)
    await by.taken_over(records(1))
    by.keep(Batch(TOPIC, records(1)))
    by.passed(records(2)[0])
    assert await by.taken_over(records(3)) == set()
    assert states.asked == 1


async def test_what_was_saved_is_held_until_its_version_is_followed() -> None:
    by = saving(FakeStates({b"sum:m/v1": b"3", b"m/v1": b"another's"}))
    await by.taken_over(records(1))
    assert [by.known(V1), by.known(V1), by.known(V2)] == [b"3", None, None]


async def test_states_that_are_not_to_be_had_are_asked_for_again() -> None:
    states = FakeStates(errors=[Unavailable("kafka", "is away")])
    by = saving(states)
    with pytest.raises(Unavailable):
        await by.taken_over(records(1))
    assert await by.taken_over(records(1)) == {0}
