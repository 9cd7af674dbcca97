"""Recorded requests answered again by another version, and both answers compared."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agents.tally import Tally
from agents.trial import Timer
from agents.versus import Answers, Flip, Pair, compared
from models.bundle import Bundle
from models.features import encode
from models.quantiles import Quantiles
from models.stoppable import stoppable
from schemas.masked import masked
from schemas.recorded import Recorded
from schemas.shadow import MirroredRow

LONGEST_REASON = 500


class Replay:
    """One candidate beside what was answered; what it is told is counted, and none of it kept.

    stop: ends an ONNX candidate before its next operator, from any thread, and for good.
    """

    def __init__(self, candidate: Bundle, timer: Timer) -> None:
        self._candidate, self.stop = stoppable(candidate)  # which does not print what it raises
        self._timer = timer
        self.tallies: dict[str, Tally] = {}
        self.batch_ms = Quantiles()
        self.row_ms = Quantiles()
        self.first_failure: str | None = None

    def add(self, requests: Sequence[Recorded]) -> list[Flip]:
        """Answer these at once, as a scorer would, and return the rows that flip."""
        for request in requests:
            tally = self._tally(request)
            tally.requests += 1
            tally.rows += len(request.answers())
        return list(self._flips(requests))

    def report(self) -> dict[str, Any]:
        """All that was counted, by the version that had answered and in all."""
        total = Tally()
        for tally in self.tallies.values():
            total.merge(tally)
        return {
            "total": total.as_json(),
            "answered_by": {version: self.tallies[version].as_json() for version in sorted(self.tallies)},
            "latency": {
                "batches": self.batch_ms.count,
                "batch_ms": self.batch_ms.summary(50, 99),
                "row_ms": self.row_ms.summary(50, 99),
            },
            "first_failure": self.first_failure,
        }

    def _tally(self, request: Recorded) -> Tally:
        return self.tallies.setdefault(request.model_version or "", Tally())

    def _flips(self, requests: Sequence[Recorded]) -> Iterator[Flip]:
        """Where the model raises, halves are asked for, until who makes it raise stands alone."""
        try:
            answers = self._answers([row for request in requests for row in request.answers()])
        except MemoryError:  # which says nothing of the rows
            raise
        except Exception as error:  # whatever a stranger's model raises
            if len(requests) == 1:
                self._fail(requests[0], error)
                return
            middle = len(requests) // 2
            yield from self._flips(requests[:middle])
            yield from self._flips(requests[middle:])
            return
        for version, pairs in self._answered(requests, answers).items():
            yield from compared(self._candidate, self.tallies[version], pairs, answers)

    def _fail(self, request: Recorded, error: Exception) -> None:
        tally = self._tally(request)
        tally.unanswered += 1
        tally.failed += len(request.answers())
        self.first_failure = self.first_failure or masked(repr(error))[:LONGEST_REASON]

    def _answers(self, rows: Sequence[MirroredRow]) -> Answers:
        began = self._timer()
        encoded = encode(self._candidate.signature, [row.features for row in rows])
        scores = self._candidate.score(encoded.matrix)
        labels = self._candidate.labels(scores)
        took = np.array([1000 * (self._timer() - began)])
        self.batch_ms.add(took)
        self.row_ms.add(took / len(rows), len(rows))
        return Answers(encoded, scores, labels)

    def _answered(self, requests: Sequence[Recorded], answers: Answers) -> dict[str, list[Pair]]:
        """The rows of the requests that a scorer would answer, by version; the others are counted here."""
        errors = answers.encoded.errors
        sums = answers.scores if answers.scores.ndim == 1 else answers.scores.sum(axis=1)
        finite: list[bool] = np.isfinite(sums).tolist()
        answered: dict[str, list[Pair]] = {}
        start = 0
        for request in requests:
            rows = request.answers()
            end = start + len(rows)
            refused = [place for place in range(start, end) if place in errors]
            lost = [place for place in range(start, end) if not finite[place] and place not in errors]
            tally = self._tally(request)
            for place in refused:
                tally.refuse(errors[place])
            tally.not_a_number += len(lost)
            if refused or lost:
                tally.unanswered += 1
            else:
                pairs = answered.setdefault(request.model_version or "", [])
                pairs += [Pair(request, row, answer, start + row) for row, answer in enumerate(rows)]
            start = end
        return answered
