"""How good a model's answers are once their truth is known, and how good they probably are before."""

from models.quality.binary import BinaryQuality
from models.quality.estimate import Answered, Calibration, corrected, estimate
from models.quality.measures import Measures
from models.quality.multiclass import MulticlassQuality
from models.quality.regression import RegressionQuality

__all__ = [
    "Answered",
    "BinaryQuality",
    "Calibration",
    "Measures",
    "MulticlassQuality",
    "RegressionQuality",
    "corrected",
    "estimate",
]
