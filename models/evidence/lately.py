"""Guardrails on what a candidate did of late: sums of all that it ever did hide for long that it broke an hour ago."""

from collections.abc import Hashable
from dataclasses import dataclass
from math import pi

from models.evidence.guardrail import RISK, Late, passed
from models.evidence.tally import ArmTally
from schemas.routes import Guardrail

_NONE = Late(0, 0)
STRETCH = 500
"""Requests, at least; twice as many as a guardrail waits for, where that is more."""


@dataclass(frozen=True, slots=True)
class _Before:
    """What was counted before the present stretch, the how manieth it is."""

    number: int = 1
    requests: int = 0
    errors: int = 0
    late: Late = _NONE


class Lately:
    """Looks at all that a candidate did, and at stretches of it one after the other.

    The risk that a candidate within its bounds is ever rolled back is shared out: half of it to the whole, of the other
    half 6 / (pi k)^2 to the kth stretch. It begins anew where this does, as with its process.
    """

    def __init__(self) -> None:
        self._before: dict[Hashable, _Before] = {}

    def passed(
        self, whose: Hashable, guardrail: Guardrail, candidate: ArmTally, late: Late, risk: float = RISK
    ) -> str | None:
        """Which bound the candidate is shown to be past, for people, or None. whose: the route's plan and the arm.

        candidate, late: all since the plan was set; where they are less than at the last look, they count from 0.
        """
        if (told := passed(guardrail, candidate, late, risk / 2)) is not None:
            return told
        before = self._before.get(whose, _Before())
        if candidate.requests < before.requests or candidate.errors < before.errors:
            before = _Before(before.number)
        requests = candidate.requests - before.requests
        recent = ArmTally(
            candidate.arm, candidate.version, served=requests, errors=min(candidate.errors - before.errors, requests)
        )
        of = max(late.of - before.late.of, 0)
        recently = Late(min(max(late.slower - before.late.slower, 0), of), of)
        share = 6 / (pi * before.number) ** 2
        told = passed(guardrail, recent, recently, share * risk / 2)
        if requests >= max(STRETCH, 2 * guardrail.requests):
            before = _Before(before.number + 1, candidate.requests, candidate.errors, late)
        self._before[whose] = before
        return None if told is None else f"{told}, of late"
