"""Rows of features as columns."""

import math

import numpy as np

from infra.database.frames import Columns


def test_pieces_make_the_table_of_the_whole() -> None:
    columns = Columns()
    columns.add([{"n": 1, "x": 0.5, "s": "a"}, {"n": 2, "x": 1, "s": "b"}])
    columns.add([{"n": 3, "x": 2, "s": "a"}])
    frame = columns.frame(label=[0, 1, 0])
    assert frame.to_dict("list") == {"n": [1, 2, 3], "x": [0.5, 1.0, 2.0], "s": ["a", "b", "a"], "label": [0, 1, 0]}
    assert (frame["n"].dtype, frame["x"].dtype) == (np.int64, np.float64)


def test_what_rows_lack_or_have_as_null_is_a_hole_wherever_it_stands() -> None:
    columns = Columns()
    columns.add([{"x": 1.5}])
    columns.add([{"x": None, "late": 2}, {"late": 3.5}])
    columns.add([{"x": 4, "late": None, "s": "t"}])
    frame = columns.frame()
    assert [math.isnan(value) for value in frame["x"]] == [False, True, True, False]
    assert [math.isnan(value) for value in frame["late"]] == [True, False, False, True]
    assert frame["late"].tolist()[1:3] == [2.0, 3.5]
    assert frame["s"].tolist()[3] == "t"


def test_numbers_beyond_64_bits_and_what_is_no_number_stay_readable() -> None:
    columns = Columns()
    columns.add([{"big": 10**20, "deep": [1], "flag": True}])
    columns.add([{"big": 1, "deep": {"a": 1}, "flag": "yes"}])
    frame = columns.frame()
    assert frame["big"].tolist() == [1e20, 1.0]
    assert frame["deep"].tolist() == [[1], {"a": 1}]
    assert frame["flag"].tolist() == [True, "yes"]


def test_texts_that_come_again_are_kept_once_and_no_rows_are_a_table_without_any() -> None:
    columns = Columns()
    columns.add([{"s": "".join(("a", "b"))}, {"s": "".join(("a", "b"))}])
    first, second = columns.frame()["s"].tolist()
    assert first is second
    assert len(Columns().frame()) == 0
