"""The monitor's stage for answers whose truth is known, as it is put together."""

from agents.grading import Grading, GradingOutlets
from agents.ports import MonitorCounters
from agents.saving import States
from streams.settings import Settings
from streams.topics import DRIFT_EVENTS, LABELLED_PREDICTIONS, MODEL_PERFORMANCE, MONITOR_STATE
from streams.topology import Step


def grading_step(settings: Settings, states: States, counters: MonitorCounters) -> Step:
    """Its batches are to be delivered one after the other."""
    names = (settings.topic(topic.name) for topic in (MODEL_PERFORMANCE, DRIFT_EVENTS, MONITOR_STATE))
    stage = Grading(states, counters, settings.drift_window_records, GradingOutlets(*names))
    return Step(LABELLED_PREDICTIONS, stage, stage.give_up)
