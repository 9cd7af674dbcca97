"""A better model from labelled predictions, or the reasons why there is none."""

from models.retraining.choice import Tried, choose
from models.retraining.gate import Verdict, judge
from models.retraining.online import Learned, candidate_of
from models.retraining.retrain import STEPS, Order, Report, Retrained, retrain
from models.retraining.rows import LabelledRows, by_time
from models.retraining.slices import Slice, slices
from models.retraining.sureness import Sureness, sureness

__all__ = [
    "STEPS",
    "LabelledRows",
    "Learned",
    "Order",
    "Report",
    "Retrained",
    "Slice",
    "Sureness",
    "Tried",
    "Verdict",
    "by_time",
    "candidate_of",
    "choose",
    "judge",
    "retrain",
    "slices",
    "sureness",
]
