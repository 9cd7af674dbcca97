"""Counts of what a candidate did."""

from agents.tally import MOST_FIELDS, OTHERS, Tally
from schemas.errors import FieldError


def refusing(*names: str) -> Tally:
    tally = Tally()
    tally.refuse([FieldError(name, f"{name} is wrong", "") for name in names])
    return tally


def test_nothing_has_no_ratio_and_no_difference() -> None:
    found = Tally().as_json()
    assert (found["flip_ratio"], found["difference"], found["fields"]) == (None, None, {})


def test_a_row_counts_once_however_many_of_its_fields_are_refused() -> None:
    found = refusing("a", "b")
    assert (found.refused, {name: one.rows for name, one in found.fields.items()}) == (1, {"a": 1, "b": 1})


def test_fields_are_named_up_to_a_limit_and_those_with_long_names_in_part() -> None:
    tally = refusing("n" * 1000)
    for part in range(3):
        tally.merge(refusing(*(f"{part}-{i}" for i in range(MOST_FIELDS - 40))))
    assert len(tally.fields) == MOST_FIELDS + 1
    assert tally.fields[OTHERS].rows == 1 + 3 * (MOST_FIELDS - 40) - MOST_FIELDS
    assert max(map(len, tally.fields)) < 200
    assert tally.refused == 4


def test_the_first_reason_of_a_field_stands() -> None:
    tally = refusing("a")
    tally.refuse([FieldError("a", "missing", "")])
    assert (tally.fields["a"].rows, tally.fields["a"].reason) == (2, "a is wrong")
