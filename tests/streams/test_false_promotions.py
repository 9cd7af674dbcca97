"""T4 through what the control agent asks: 2000 A/A runs of a challenger, each at the look that favours it most."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from infra.database.arms import ArmCounts, ShadowCounts
from models.evidence.bounds import evidence_paired
from schemas.routes import Arm, Route, Thresholds
from streams.evidence import Counted, StoredEvidence
from tests.models.evidence.runs import COUNTS, RUNS, brier_losses, noise, sums
from tests.streams.test_evidence import route

ARMS = Arm(name="champion", version="v1"), Arm(name="challenger", version="v2", weight=0)
CHALLENGED = route("churn", "champion_challenger", ARMS, thresholds=Thresholds(requests=1, labels=1, error_ratio=1.0))
"""Nothing but the loss stands in the way of a promotion, from the first look on."""
ALPHA = CHALLENGED.plan.thresholds.alpha


class Simulated(StoredEvidence):
    """What a database would have counted."""

    def __init__(self, counted: Sequence[Counted]) -> None:
        self._counted = counted

    async def _count(self, route: Route) -> Sequence[Counted]:
        return self._counted


async def outcome(count: int, **sums_: float) -> Any:
    """The verdict after so many labelled requests, which both answered."""
    champion, challenger = ARMS
    tried = ShadowCounts("v2", evaluated=count, compared=count, labels=count, **sums_)  # type: ignore[arg-type]
    served = ArmCounts("champion", "v1", served=count, labels=count, loss=sums_["champion_loss"])
    evidence = Simulated(
        [
            Counted(champion, served, ShadowCounts("v1")),
            Counted(challenger, ArmCounts("challenger", "v2"), tried),
        ]
    )
    return (await evidence.verdict(CHALLENGED, "v2"))["outcome"]


@pytest.mark.no_cover
@pytest.mark.contract("T4")
async def test_of_2000_equal_challengers_that_are_looked_at_all_the_time_alpha_are_promoted_at_most() -> None:
    its, ours = brier_losses(RUNS, 0.1, 0.1)
    champion, challenger, squares = sums(its), sums(ours), sums((ours - its) ** 2)
    best = evidence_paired(champion - challenger, squares).argmax(axis=1)
    ended = []
    for run, look in enumerate(best):
        counted = {"champion_loss": champion, "loss": challenger, "squares": squares}
        seen = {name: float(totals[run, look]) for name, totals in counted.items()}
        ended.append(await outcome(int(COUNTS[look]), **seen))
    assert len(ended) == RUNS
    promoted = np.mean([end == "promote" for end in ended])
    assert 0 < promoted <= ALPHA + noise(ALPHA), "and these runs can tell"
