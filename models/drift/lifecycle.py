"""The life of a drift: it opens, may get worse, and is over once windows are calm."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from models.drift.case import drift_event
from models.drift.cause import Sources, likely_cause
from models.drift.episode import DriftState, Episode, episode_of
from models.drift.feature_verdict import FeatureVerdict
from models.drift.rules import Rules
from models.drift.severity import SEVERITIES, broad, severity_of
from models.drift.verdict import Verdict
from schemas.drift_events import DriftEvent, Phase, Severity, episode_id


@dataclass(frozen=True, slots=True)
class Window:
    """The rows that were judged. id: the same for the same window after a replay."""

    id: str
    start: datetime
    end: datetime


def advance(
    state: DriftState, window: Window, verdict: Verdict, rules: Rules, sources: Sources | None = None
) -> tuple[DriftState, list[DriftEvent]]:
    """What a window changes, and the events that tell it.

    An episode opens once `open_after` windows in a row have drifted and ends once `close_after` in a row were calm;
    what is neither keeps it as it is. It is worse with a step up in severity or `worse_by` more rows moved. Windows
    that were not tested and the last window once more change nothing.
    """
    if verdict.outcome != "tested" or window.id == state.window:
        return state, []
    known = {(episode.subject, episode.feature): episode for episode in state.episodes}
    step = _Step(state, window, verdict, rules, sources or Sources())
    kept: list[Episode] = []
    events: list[DriftEvent] = []
    for one in verdict.all:
        episode = known.get((one.subject, one.name))
        after, phase = step.opening(one, episode) if episode is None or not episode.is_open else step.open(one, episode)
        if after is not None and phase is not None:
            events.append(drift_event(phase, state, after, one, verdict, window.end))
        if after is not None and phase != "resolved":
            kept.append(after)
    return replace(state, episodes=tuple(kept), window=window.id), events


def resumed(model: str, version: str, events: Iterable[DriftEvent]) -> DriftState:
    """The state after these events of one model version, in order.

    What no event tells is lost: calm windows since, and windows of an episode that was only about to open.
    """
    last = {event.event_id: event for event in events if (event.model, event.model_version) == (model, version)}
    return DriftState(model, version, tuple(episode_of(event) for event in last.values() if event.phase != "resolved"))


@dataclass(frozen=True, slots=True)
class _Step:
    state: DriftState
    window: Window
    verdict: Verdict
    rules: Rules
    sources: Sources

    def opening(self, one: FeatureVerdict, pending: Episode | None) -> tuple[Episode | None, Phase | None]:
        if not one.drifted:
            return None, None
        if pending is None:
            began = episode_id(self.state.model, self.state.version, one.subject, one.name, self.window.id)
            episode = Episode(began, one.subject, one.name, self.window.start, one.share, self._severity(one))
        else:
            episode = replace(pending, windows=pending.windows + 1, effect=one.share, severity=self._severity(one))
        if episode.windows < self.rules.open_after:
            return episode, None
        cause, source = likely_cause(one, self.verdict.all, self.sources, self.rules)
        return replace(episode, is_open=True, cause=cause, source=source), "opened"

    def open(self, one: FeatureVerdict, episode: Episode) -> tuple[Episode, Phase | None]:
        if one.calm:
            episode = replace(episode, calm=episode.calm + 1)
            return episode, "resolved" if episode.calm >= self.rules.close_after else None
        if not one.drifted:
            return replace(episode, calm=0), None
        episode = replace(episode, windows=episode.windows + 1, calm=0)
        worst = max(episode.severity, self._severity(one), key=SEVERITIES.index)
        if worst == episode.severity and one.share < episode.effect + self.rules.worse_by:
            return episode, None
        cause, source = likely_cause(one, self.verdict.all, self.sources, self.rules)
        most = max(episode.effect, one.share)
        return replace(episode, severity=worst, effect=most, cause=cause, source=source), "worsened"

    def _severity(self, one: FeatureVerdict) -> Severity:
        """A feature of a broad shift is as bad as the shift."""
        if one.subject == "feature" and broad(self.verdict.all):
            return SEVERITIES[-1]
        return severity_of(one) or SEVERITIES[0]
