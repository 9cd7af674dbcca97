"""Explanations of answers, where their requests asked for them."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import Raw

from agents.candidate import Candidate
from agents.ports import Clock
from agents.score import Answer
from models.bundle import Bundle
from models.explain import IsLate, explanation
from models.features import encode
from schemas.wire import decode

WITHIN = timedelta(seconds=5)
"""What the explanations of one batch may take: behind them wait the answers of everybody else, and a batch that takes
too long is tried again from its beginning."""
TOO_MANY = {"error": "too many explanations were asked for at the same time: ask again, with another request id"}
TOO_SLOW = {"error": f"the model takes more than {WITHIN.seconds} s to explain an answer"}


async def add_explanations(bundle: Bundle, answers: Sequence[Answer], clock: Clock, left: timedelta) -> timedelta:
    """Adds to each answer that was asked for it, row by row, why it is as it is; returns what of the time is left.

    Each is found in a thread: while the model scores, the loop goes on to send heartbeats.
    """
    for answer in answers:
        if answer.status != "ok" or not (isinstance(answer.item, Candidate) and answer.item.request.explain):
            continue
        for shown, row, given in _rows(bundle, answer):
            began = clock()
            predictions = shown["predictions"] if isinstance(shown, dict) else shown.predictions
            is_late = partial(_is_late, clock, began + left)
            try:
                explained = await asyncio.to_thread(_explained, bundle, row, given, predictions, is_late)
            except TimeoutError:
                explained = TOO_SLOW if left == WITHIN else TOO_MANY
            _set(shown, explained)
            left -= clock() - began
    return left


def _is_late(clock: Clock, end: datetime) -> bool:
    return clock() >= end


def _rows(bundle: Bundle, answer: Answer) -> Iterator[tuple[Any, Any, Any]]:
    """Each row's answer, and its features as the model reads them and as they were sent."""
    answers = answer.outcome["rows"] if isinstance(answer.outcome, dict) else [answer.outcome]
    given = [decode(bytes(row)) if type(row) is Raw else row for row in answer.rows]
    return zip(answers, encode(bundle.signature, given).matrix, given, strict=True)


def _set(shown: Any, explained: Any) -> None:
    if isinstance(shown, dict):
        shown["explanation"] = explained
    else:
        shown.explanation = explained


def _explained(bundle: Bundle, row: Any, given: Any, predictions: Sequence[float], is_late: IsLate) -> Any:
    """predictions: of two classes the positive one's is explained, of several the likeliest one's, else the value."""
    several = list(predictions) if bundle.task == "multiclass" else []
    place = several.index(max(several)) if several else None
    return explanation(bundle, row, predictions[-1 if place is None else place], place, given, is_late)
