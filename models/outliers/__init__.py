"""Outlier detectors: which rows look like none that a model was trained on. One file each; `DETECTORS` names them."""

from models.outliers.base import DEFAULT, Method, Order, Outliers
from models.outliers.detector import DETECTORS, Detector, StandOut, load
from models.outliers.fitting import fitted
from models.outliers.rate import WindowRate, chance, rate_alert

__all__ = [
    "DEFAULT",
    "DETECTORS",
    "Detector",
    "Method",
    "Order",
    "Outliers",
    "StandOut",
    "WindowRate",
    "chance",
    "fitted",
    "load",
    "rate_alert",
]
