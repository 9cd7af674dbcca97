"""Rows that a version with another signature has answered."""

from dataclasses import replace

import numpy as np
import pytest

from models.bundle import GRAPH, Bundle, read_bundle
from models.retraining import Order, retrain
from schemas.errors import InvalidRequest
from tests.models.retraining.conftest import drifted

FAST = Order(algorithms=("logistic_regression",))
ROWS = 800


def lacking(rows: int) -> np.ndarray:
    """So many orders that the first rows do not have, as the table has them."""
    orders = drifted(ROWS, seed=4).frame["total_orders"].to_numpy(dtype=float)
    orders[:rows] = np.nan
    return orders


@pytest.mark.contract("F4")
def test_they_are_left_out_and_counted_and_the_others_are_learned(champion: Bundle) -> None:
    rows = drifted(ROWS, seed=4)
    made = retrain(replace(rows, frame=rows.frame.assign(total_orders=lacking(200))), champion, FAST)
    others = replace(
        rows, frame=rows.frame[200:].reset_index(drop=True), truth=rows.truth[200:], scored_ms=rows.scored_ms[200:]
    )
    assert made.files[GRAPH] == retrain(others, champion, FAST).files[GRAPH]
    assert (made.report.rows, made.report.unfit) == (ROWS, 200)
    training = read_bundle(made.files).manifest.training
    assert training is not None
    assert training.source is not None
    assert (training.source["rows"], training.source["unfit"]) == (ROWS, 200)


def test_where_they_are_the_most_the_first_one_is_named(champion: Bundle) -> None:
    rows = drifted(ROWS, seed=4)
    with pytest.raises(InvalidRequest, match="401 of 800 rows break the signature, first row 0: total_orders"):
        retrain(replace(rows, frame=rows.frame.assign(total_orders=lacking(401))), champion, FAST)
