"""Which answered rows are outliers, said in their answers where the platform is set to say so."""

import logging
from collections.abc import Sequence
from typing import Any

from agents.groups import Group
from models.features import Encoded
from models.outliers import Detector

_log = logging.getLogger("weir.score")


def add_flags(group: Group, rows: Encoded, outcomes: Sequence[Any]) -> None:
    """Says in each row's answer whether the row is an outlier, if the model has a detector.

    rows: the group's, encoded. outcomes: for each request what it was answered, see `agents.score.Answer`; None for one
    that has no answer.
    """
    detector = group.routed.bundle.detector
    if detector is None:
        return
    flags = _flags(detector, rows, group.routed.bundle.version)
    if flags is None:
        return
    start = 0
    for outcome, size in zip(outcomes, group.sizes(), strict=True):
        if isinstance(outcome, dict):
            for answer, flag in zip(outcome["rows"], flags[start : start + size], strict=True):
                answer["outlier"] = flag
        elif outcome is not None:
            outcome.outlier = flags[start]
        start += size


def _flags(detector: Detector, rows: Encoded, version: str) -> list[bool] | None:
    """None where the detector fails, which costs nobody an answer."""
    try:
        flags: list[bool] = detector.flags(detector.score(rows.matrix)).tolist()
    except Exception:  # onnxruntime's own exceptions share no narrower base
        _log.exception("the outlier detector of %s failed: these answers say of no row whether it is one", version)
        return None
    return flags
