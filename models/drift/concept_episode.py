"""The life of a concept drift: it opens where a detector finds more errors, and is over once windows have few again."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from models.drift.case import About, Share, share_event
from models.drift.concept import Detection
from schemas.drift_events import Bin, DriftEvent, Phase, Severity, episode_id

WORSE_BY = 0.05
"""So much larger a share of errors than was told is told again."""
WARNING, CRITICAL = 0.05, 0.15
"""How much larger the share of errors is, from which on the drift is as bad as that."""
CLOSE_AFTER = 2


class ConceptEpisode(Struct, frozen=True):
    """A drift that is open. before, after: the shares of errors, of so many rows; after: at its last event.

    windows: that it was seen in; calm: in a row; entered: whether the window in which it opened is over.
    """

    event_id: str
    detector: str
    first_seen: datetime
    before: float
    after: float
    rows_before: int
    rows_after: int
    severity: Severity
    windows: int = 1
    calm: int = 0
    entered: bool = False


class Graded(Struct, frozen=True):
    """Whose errors they are. role: `served` or `shadow`."""

    model: str
    version: str
    role: str

    @property
    def feature(self) -> str:
        return f"error ({self.role})"


def detected(
    whose: Graded, episode: ConceptEpisode | None, found: Detection, first_seen: datetime
) -> tuple[ConceptEpisode | None, Phase | None]:
    """What a detection changes: errors that become more open a drift, or make it worse; fewer change nothing here."""
    after = found.place + 1 - found.since
    if episode is None and found.after > found.before:
        name = episode_id(whose.model, whose.version, "concept", whose.feature, str(found.place))
        rows = found.values - after
        severity = severity_of(found.after - found.before)
        return (
            ConceptEpisode(name, found.detector, first_seen, found.before, found.after, rows, after, severity),
            "opened",
        )
    if episode is not None and found.after >= episode.after + WORSE_BY:
        return _worse(episode, found.after, after), "worsened"
    return episode, None


def judged(episode: ConceptEpisode, error: float, rows: int) -> tuple[ConceptEpisode, Phase | None]:
    """What a window's share of errors changes; it is calm below half of what the drift was at its worst."""
    if not episode.entered:
        return replace(episode, entered=True), None
    if error - episode.before < (episode.after - episode.before) / 2:
        calm = replace(episode, calm=episode.calm + 1)
        if calm.calm < CLOSE_AFTER:
            return calm, None
        return replace(calm, after=error, rows_after=rows), "resolved"
    seen = replace(episode, windows=episode.windows + 1, calm=0)
    return (_worse(seen, error, rows), "worsened") if error >= episode.after + WORSE_BY else (seen, None)


def severity_of(rise: float) -> Severity:
    if rise >= CRITICAL:
        return "critical"
    return "warning" if rise >= WARNING else "info"


def concept_event(whose: Graded, episode: ConceptEpisode, phase: Phase, at: datetime) -> DriftEvent:
    """The event of this phase; its bins are right and wrong answers before and since."""
    rise = episode.after - episode.before
    share = Share(episode.detector, rise, min(abs(rise), 1.0), _bins(episode))
    return share_event(phase, About(whose.model, whose.version, "concept", whose.feature), episode, share, at)


def _worse(episode: ConceptEpisode, after: float, rows: int) -> ConceptEpisode:
    worst: Severity = max(episode.severity, severity_of(after - episode.before), key=_STEPS.index)
    return replace(episode, after=after, rows_after=rows, severity=worst, calm=0)


def _bins(episode: ConceptEpisode) -> tuple[Bin, Bin]:
    before = round(episode.before * episode.rows_before)
    after = round(episode.after * episode.rows_after)
    right = Bin("category", episode.rows_before - before, episode.rows_after - after, label="right")
    return right, Bin("category", before, after, label="wrong")


_STEPS: tuple[Severity, ...] = ("info", "warning", "critical")
