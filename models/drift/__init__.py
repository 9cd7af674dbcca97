"""Whether what comes in and goes out still looks like the training data. One test each file; `TESTS` names them all."""

from models.drift.base import Distribution, DriftTest, FeatureReference, Measured
from models.drift.measures import TESTS, drift_test
from models.drift.reference import Reference, reference_of
from models.drift.sketch import Sketch, merged
from models.drift.sketch_bytes import read_sketch, sketch_bytes

__all__ = [
    "TESTS",
    "Distribution",
    "DriftTest",
    "FeatureReference",
    "Measured",
    "Reference",
    "Sketch",
    "drift_test",
    "merged",
    "read_sketch",
    "reference_of",
    "sketch_bytes",
]
