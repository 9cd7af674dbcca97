"""A batch says what may be committed once it is delivered."""

from schemas.message import Batch, Record


def batch() -> Batch:
    places = [(0, 3), (0, 4), (1, 70)]
    return Batch("t", [Record("t", partition, offset, 0, None, b"", ()) for partition, offset in places])


def test_what_is_read_may_be_committed() -> None:
    assert batch().ends() == {0: 5, 1: 71}


def test_what_a_stage_still_needs_is_not_committed() -> None:
    given = batch()
    given.needed.update({1: 64, 0: 9, 2: 0})
    assert given.ends() == {0: 5, 1: 64}
