"""Explanations of answers, where their requests asked for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from agents.candidate import Candidate
from models.bundle import Bundle
from models.explain import explanation
from models.features import encode

if TYPE_CHECKING:
    from agents.score import Answer


def add_explanations(bundle: Bundle, answers: Sequence["Answer"]) -> None:
    """Adds to each answer whose request asked for it, row by row, why it is as it is."""
    for answer in answers:
        if isinstance(answer.item, Candidate) and answer.item.request.explain:
            matrix = encode(bundle.signature, answer.item.request.rows).matrix
            pairs = zip(matrix, answer.item.request.rows, strict=True)
            if isinstance(answer.outcome, dict):
                for shown, (row, given) in zip(answer.outcome["rows"], pairs, strict=True):
                    shown["explanation"] = _explained(bundle, row, given, shown["predictions"])
            else:
                [(row, given)] = pairs
                answer.outcome.explanation = _explained(bundle, row, given, answer.outcome.predictions)


def _explained(bundle: Bundle, row: Any, given: Any, predictions: Sequence[float]) -> Any:
    """predictions: of two classes the positive one's is explained, of several the likeliest one's, else the value."""
    several = list(predictions) if bundle.task == "multiclass" else []
    place = several.index(max(several)) if several else None
    return explanation(bundle, row, predictions[-1 if place is None else place], place, given)
