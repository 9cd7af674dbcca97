"""Whether what comes in and goes out still looks like the training data. One test each file; `TESTS` names them all."""

from models.drift.base import Distribution, DriftTest, FeatureReference, Measured
from models.drift.bins import bins, few_bins
from models.drift.cause import Sources
from models.drift.correction import CORRECTIONS, Correction, correction
from models.drift.episode import DriftState, Episode
from models.drift.feature_verdict import FeatureVerdict
from models.drift.lifecycle import Window, advance, resumed
from models.drift.measures import TESTS, drift_test
from models.drift.reference import Reference, reference_of
from models.drift.rules import Rules
from models.drift.sketch import Sketch, merged
from models.drift.sketch_bytes import read_sketch, sketch_bytes
from models.drift.verdict import Verdict, judge

__all__ = [
    "CORRECTIONS",
    "TESTS",
    "Correction",
    "Distribution",
    "DriftState",
    "DriftTest",
    "Episode",
    "FeatureReference",
    "FeatureVerdict",
    "Measured",
    "Reference",
    "Rules",
    "Sketch",
    "Sources",
    "Verdict",
    "Window",
    "advance",
    "bins",
    "correction",
    "drift_test",
    "few_bins",
    "judge",
    "merged",
    "read_sketch",
    "reference_of",
    "resumed",
    "sketch_bytes",
]
