"""The scorer's stage: admit a batch, score it, and emit one terminal event per request."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from agents.admit import examine, requested_ms
from agents.candidate import Refusal
from agents.ending import Outlets, bare_error, emit
from agents.explained import WITHIN, add_explanations
from agents.parts import admitted
from agents.ports import Clock, Counters, KeyRing, Limiter, Router
from agents.score import Answer, Scored, score
from schemas.dead_letter import dead_letter
from schemas.message import Batch, Emission, Record
from schemas.result import refusal

_log = logging.getLogger("weir.answer")


class Ended(NamedTuple):
    """How the records of one part ended, which unseen categories they had, and when that was, in epoch milliseconds."""

    answers: Sequence[Answer]
    unseen: Mapping[str, int]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Scorer:
    """The scorer's stage: results, replies and dead letters of a batch, in record order.

    flagging: whether answers say if their rows are outliers.
    """

    keys: KeyRing
    limiter: Limiter
    router: Router
    clock: Clock
    counters: Counters
    outlets: Outlets
    flagging: bool = False

    async def __call__(self, batch: Batch) -> list[Emission]:
        """Part by part: while Redis charges one, the one before is scored."""
        emissions: list[Emission] = []
        ended: list[Ended] = []
        to_explain = WITHIN
        async with aclosing(admitted(batch, keys=self.keys, limiter=self.limiter, clock=self.clock)) as parts:
            async for part in parts:
                scored = score(part, router=self.router, flagging=self.flagging)
                for bundle, answers in scored.wishes:
                    to_explain = await add_explanations(bundle, answers, self.clock, to_explain)
                ended.append(self._end(scored, emissions))
        # Only now: a batch of which a part fails is tried again from its beginning.
        for part_ended in ended:
            _count(part_ended, self.counters)
        return emissions

    def _end(self, scored: Scored, emissions: list[Emission]) -> Ended:
        now_ms = _milliseconds(self.clock())
        answers = [emit(answer, now_ms, self.outlets, emissions) for answer in scored.answers]
        return Ended(answers, scored.unseen, now_ms)

    def give_up(self, record: Record, attempts: int, error_id: str) -> list[Emission]:
        """A record that has crashed the worker too often: one dead letter, and an `error` for its sender.

        What crashed the stage may be on this way as well; then the record ends by what the broker tells of it.
        """
        now = self.clock()
        message = "the request could not be processed; name the error id to the operator"
        error = refusal("internal", message, error_id=error_id)
        ended: list[Emission] = []
        try:
            item = examine(record, keys=self.keys, now=now)
            emit(Answer(item, "error", {"error": error}), _milliseconds(now), self.outlets, ended)
        except Exception:
            _log.exception("given up unread", extra={"data": {"error_id": error_id}})
            ended = bare_error(record, error, _milliseconds(now), self.outlets)
        self.counters.dead_letters("crashed", 1)
        return [
            *ended,
            dead_letter(self.outlets.dead_letters, record, "crashed", f"error {error_id}", attempt=attempts),
        ]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _count(ended: Ended, counters: Counters) -> None:
    latencies: dict[tuple[str, str], list[float]] = defaultdict(list)
    for answer in ended.answers:
        seconds = (ended.now_ms - requested_ms(answer.item.record)) / 1000
        latencies[answer.model_version, answer.status].append(seconds)
    for (version, status), took in latencies.items():
        counters.results(version, status, took)
        if status == "rate_limited":
            counters.rate_limited(len(took))
        if status == "unauthorized":
            _count_doubts(ended.answers, counters)
    decisions = [answer.item.decision for answer in ended.answers]
    if past_limit := len([True for decision in decisions if decision is not None and decision.would_refuse]):
        counters.would_refuse(past_limit)
    if ended.unseen:
        counters.unseen_categories(ended.unseen)
    for reason, count in Counter([answer.dead_letter for answer in ended.answers if answer.dead_letter]).items():
        counters.dead_letters(reason, count)


def _count_doubts(answers: Sequence[Answer], counters: Counters) -> None:
    refused = [answer.item.doubt for answer in answers if isinstance(answer.item, Refusal)]
    for doubt, count in Counter(doubt for doubt in refused if doubt).items():
        counters.unauthorized(doubt, count)
