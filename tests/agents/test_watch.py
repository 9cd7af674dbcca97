"""A version's present window, as it is kept and gone on with."""

import numpy as np
import pytest

from agents.rows import MOST_KEYS, most_keys
from agents.watch import Watch, resumed
from models.drift import DriftState, Reference, Sketch, reference_of, sketch_bytes
from models.profile import reference_profile
from models.signature import Feature, Signature
from schemas.errors import Undecodable
from schemas.sketches import CellSketch
from schemas.wire import MAX_RECORD_BYTES
from tests.agents.watched import watched

FEATURES, PARTITIONS = 1000, 6


def wide() -> Reference:
    signature = Signature(tuple(Feature(f"x{i}", "float") for i in range(FEATURES)), "y")
    matrix = np.random.default_rng(1).normal(size=(1000, FEATURES)).astype(np.float32)
    found = reference_of(signature, reference_profile(signature, matrix, None))
    assert found is not None
    return found


def test_a_window_of_a_thousand_features_and_many_keys_is_one_record() -> None:
    """What the broker does not take would end the monitor, again and again."""
    reference = wide()
    random, watch = np.random.default_rng(2), Watch(reference, DriftState("m", "v1"))
    for partition in range(PARTITIONS):
        rows = {}
        for number in range(most_keys(reference) + 1):
            sketch = Sketch(reference)
            sketch.add(random.normal(size=(50, FEATURES)).astype(np.float32))
            rows[f"key{number}"] = sketch_bytes(sketch)
        watch.take(CellSketch("m", "v1", "log", partition, 1, 255, rows, {0: 50 * len(rows)}))
    saved = watch.saved()
    assert len(saved) < MAX_RECORD_BYTES
    again = resumed(reference, saved)
    assert (again.rows, again.parts) == (watch.rows, watch.parts)


def test_of_few_features_many_keys_are_told_apart_and_of_many_few() -> None:
    assert most_keys(watched().reference) == MOST_KEYS
    assert 1 < most_keys(wide()) < 5


@pytest.mark.parametrize("content", [b"\x78", b"\x78\x01garbage", b"\x78\x01"])
def test_what_is_no_state_is_refused(content: bytes) -> None:
    with pytest.raises((Undecodable, ValueError)):
        resumed(watched().reference, content)
