"""Some requests scored by another version, in a thread of their own."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

from models.bundle import Bundle
from models.features import encode
from models.stoppable import stoppable
from schemas.shadow import MirroredRow, Reply, ShadowCode, ShadowError

_log = logging.getLogger("weir.shadow")

Timer = Callable[[], float]
"""Seconds since some moment."""
Request = Sequence[MirroredRow]
NAMED = 10
"""Refused fields that a result names."""
MAX_REASON = 500
"""Characters of the log's reason."""


class Answered(NamedTuple):
    """A version's answers to the rows of one request. latency_ms: the request's part of the time."""

    replies: Sequence[Reply]
    latency_ms: float


Outcome = Answered | ShadowError


def logged(version: str, code: ShadowCode, reason: str) -> ShadowError:
    """An error of which the caller learns no more than an id, under which the log has its reason."""
    error = ShadowError(code, str(uuid4()))
    facts = {"error_id": error.error_id, "version": version, "code": code, "reason": reason[:MAX_REASON]}
    _log.warning("a challenger has no answer", extra={"data": facts})
    return error


class Trial:
    """One look at some requests; `outcomes` has what is known so far, None for what is not."""

    def __init__(self, name: str, bundle: Bundle, requests: Sequence[Request], timer: Timer = time.monotonic) -> None:
        self._name = name
        self._bundle, self._stop = stoppable(bundle)
        self._requests = requests
        self._timer = timer
        self._stopped = False
        self._errors: dict[ShadowCode, ShadowError] = {}
        self.outcomes: list[Outcome | None] = [None] * len(requests)

    def run(self) -> None:
        """Raises nothing; called in a thread."""
        self._score(range(len(self._requests)))

    def stop(self) -> None:
        """Let it end before the model's next operator."""
        self._stopped = True
        self._stop()

    def _score(self, places: Sequence[int]) -> None:
        """All at once, or halved until each request that the version fails on stands alone."""
        try:
            found = self._answers(places)
        except BaseException as error:  # whatever a stranger's model raises; in this thread it ends nothing else
            if self._stopped:
                return
            if len(places) == 1:
                self.outcomes[places[0]] = self._error("failed", repr(error))
                return
            middle = len(places) // 2
            self._score(places[:middle])
            self._score(places[middle:])
            return
        for place, outcome in zip(places, found, strict=True):
            self.outcomes[place] = outcome

    def _answers(self, places: Sequence[int]) -> list[Outcome]:
        began = self._timer()
        bundle = self._bundle
        encoded = encode(bundle.signature, [row.features for place in places for row in self._requests[place]])
        scores = bundle.score(encoded.matrix)
        values, labels = scores.tolist(), bundle.labels(scores)
        binary = bundle.task == "binary"
        row_ms = 1000 * (self._timer() - began) / max(1, len(values))
        outcomes: list[Outcome] = []
        start = 0
        for place in places:
            end = start + len(self._requests[place])
            rows = range(start, end)
            start = end
            refused = [field.field for row in rows for field in encoded.errors.get(row, ())]
            if refused:
                outcomes.append(ShadowError("invalid", fields=tuple(dict.fromkeys(refused))[:NAMED]))
                continue
            replies = [Reply(_predictions(values[row], binary), labels[row]) for row in rows]
            if all(math.isfinite(sum(reply.predictions)) for reply in replies):
                outcomes.append(Answered(replies, row_ms * len(rows)))
            else:
                outcomes.append(self._error("not_a_number", "the model answered with no number"))
        return outcomes

    def _error(self, code: ShadowCode, reason: str) -> ShadowError:
        """One for all the requests of the trial: a model that fails always is not logged as often."""
        if code not in self._errors:
            self._errors[code] = logged(self._name, code, reason)
        return self._errors[code]


def _predictions(value: float | list[float], binary: bool) -> tuple[float, ...]:
    if isinstance(value, list):
        return tuple(value)
    return (1.0 - value, value) if binary else (value,)
