"""The shadow agent's stage: mirrored results are answered by other versions too, and each pair is compared."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from agents.challenger import Challenger, Patience
from agents.pair import Asked, paired
from agents.ports import Clock, Counters
from agents.trial import Answered, Outcome
from models.bundle import Bundle
from schemas.dead_letter import dead_letter
from schemas.errors import Undecodable
from schemas.headers import MIRRORED_TO, read_headers
from schemas.message import Batch, Emission, Record
from schemas.shadow import ShadowError, read_mirrored, read_versions

MOST_KEPT = 16
"""Challengers kept ready, beside those that are busy; of others the bundle is loaded again."""
SKIPPED = ShadowError("skipped")

Load = Callable[[str, str], Bundle]
"""A verified version of a model, (name, version). Raises BundleRefused, Unavailable. Called in a thread."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The stage: one shadow result for each mirrored result and version, in record order.

    max_age_s: older results are skipped, so that lag has an end.
    """

    load: Load
    patience: Patience
    clock: Clock
    counters: Counters
    results: str
    dead_letters: str
    max_age_s: float
    _kept: OrderedDict[tuple[str, str], Challenger] = field(default_factory=OrderedDict)

    async def __call__(self, batch: Batch) -> list[Emission]:
        asked, emissions = self._read(batch.records)
        outcomes = await self._outcomes(asked)
        now = self.clock()
        for each, by_version in zip(asked, outcomes, strict=True):
            for version, outcome in by_version.items():
                emissions += paired(each, version, outcome, now, self.results)
        self._count(outcomes)
        return emissions

    def _read(self, records: Sequence[Record]) -> tuple[list[Asked], list[Emission]]:
        """What is asked, and the dead letters of what asks for nothing."""
        asked: list[Asked] = []
        letters: list[Emission] = []
        for record in records:
            try:
                versions = read_versions(read_headers(record.headers).get(MIRRORED_TO, b""))
                result = read_mirrored(record.value)
            except Undecodable as error:
                self.counters.dead_letters(error.reason, 1)
                letters.append(dead_letter(self.dead_letters, record, error.reason, str(error)))
            else:
                asked.append(Asked(record, result, versions, result.answers()))
        return asked, letters

    async def _outcomes(self, asked: Sequence[Asked]) -> list[dict[str, Outcome]]:
        """How each version did that was asked; they work side by side, so that none waits for another."""
        outcomes: list[dict[str, Outcome]] = [dict.fromkeys(each.versions, SKIPPED) for each in asked]
        oldest_ms = (self.clock().timestamp() - self.max_age_s) * 1000
        places: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, each in enumerate(asked):
            if each.record.timestamp >= oldest_ms:
                for version in each.versions:
                    places[each.result.model, version].append(place)

        async def ask(name: tuple[str, str], some: Sequence[int]) -> None:
            found = await self._challenger(*name).answers([asked[place].rows for place in some])
            for place, outcome in zip(some, found, strict=True):
                outcomes[place][name[1]] = outcome

        await asyncio.gather(*(ask(name, some) for name, some in places.items()))
        return outcomes

    def _challenger(self, model: str, version: str) -> Challenger:
        """The one of this name, with what is remembered of it."""
        name, kept = (model, version), self._kept
        if name not in kept:
            kept[name] = Challenger(f"{model} {version}", partial(self.load, model, version), self.patience)
        kept.move_to_end(name)
        if (surplus := len(kept) - MOST_KEPT) > 0:
            # One that is left out, and forgotten, would be asked again, beside the thread that it still hangs in.
            idle = [other for other in kept if other != name and not kept[other].is_busy()]
            for other in idle[:surplus]:
                del kept[other]
        return kept[name]

    def _count(self, outcomes: Sequence[dict[str, Outcome]]) -> None:
        took: dict[tuple[str, str], list[float]] = defaultdict(list)
        for by_version in outcomes:
            for version, outcome in by_version.items():
                if isinstance(outcome, Answered):
                    took[version, "ok"].append(outcome.latency_ms / 1000)
                else:
                    took[version, outcome.code].append(0.0)
        for (version, ended), all_seconds in took.items():
            self.counters.shadowed(version, ended, all_seconds)
