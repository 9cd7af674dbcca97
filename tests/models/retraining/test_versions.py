"""What is another bundle has another version, though the model in it be the same."""

from dataclasses import replace

import pytest

from models.bundle import GRAPH, Bundle
from models.retraining import Order, retrain
from tests.models.retraining.conftest import drifted

FAST = Order(algorithms=("logistic_regression",))


@pytest.mark.contract("F4")
def test_a_label_that_is_revised_among_the_rows_held_out_and_another_seed_make_another_version(
    champion: Bundle,
) -> None:
    """A store takes a version with other content for an overwritten one, and refuses it."""
    rows = drifted(600, seed=4)
    revised = rows.truth.copy()
    revised[-1] = 1 - revised[-1]
    made = [
        retrain(rows, champion, FAST),
        retrain(replace(rows, truth=revised), champion, FAST),
        retrain(rows, champion, replace(FAST, seed=1)),
    ]
    assert len({one.files[GRAPH] for one in made}) == 1
    assert len({one.report.version for one in made}) == 3
