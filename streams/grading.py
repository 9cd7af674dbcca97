"""The monitor's stage for answers whose truth is known, as it is put together."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents.grading import Grading, GradingOutlets
from agents.ports import MonitorCounters
from agents.saving import States
from models.drift.concept import KINDS, ConceptDetector
from schemas.message import Batch, Emission
from streams.settings import Settings
from streams.topics import DRIFT_EVENTS, LABELLED_PREDICTIONS, MODEL_PERFORMANCE, MONITOR_STATE
from streams.topology import Step


def load_detectors() -> None:
    """Import the library that they are of, two seconds of a core."""
    for name in KINDS:
        ConceptDetector(name)


@dataclass(slots=True)
class Loaded:
    """The stage, once its detectors are loaded: beside the loop, which would stand still for too long to keep its
    partitions on a busy machine."""

    stage: Grading
    load: Callable[[], None] = load_detectors
    _is_loaded: bool = False

    async def __call__(self, batch: Batch) -> Sequence[Emission]:
        if not self._is_loaded:
            await asyncio.to_thread(self.load)
            self._is_loaded = True
        return await self.stage(batch)


def grading_step(settings: Settings, states: States, counters: MonitorCounters) -> Step:
    """Its batches are to be delivered one after the other."""
    names = (settings.topic(topic.name) for topic in (MODEL_PERFORMANCE, DRIFT_EVENTS, MONITOR_STATE))
    stage = Grading(states, counters, settings.drift_window_records, GradingOutlets(*names))
    return Step(LABELLED_PREDICTIONS, Loaded(stage), stage.give_up)
