"""The life of a rate of outliers that is too high: it opens with a window and is over once windows are calm."""

from datetime import datetime
from typing import get_args

from msgspec import Struct
from msgspec.structs import replace

from models.drift import Window
from models.drift.case import About, Share, share_event
from models.outliers.rate import ALPHA, WindowRate
from schemas.drift_events import Bin, DriftEvent, Phase, Severity, episode_id

FEATURE = "outlier rate"
WORSE_BY = 0.1
"""So many more of all rows than were told are told again."""
CRITICAL_TIMES, CRITICAL = 10, 0.5
"""Any rate that is too high is worth a warning; it is critical from so many times the contamination on, or from half of
the rows on."""
CLOSE_AFTER = 2
_STEPS: tuple[Severity, ...] = get_args(Severity)


class RateEpisode(Struct, frozen=True):
    """A rate that is too high. rate: at its last event. windows: that were too high; calm: in a row."""

    event_id: str
    first_seen: datetime
    rate: float
    severity: Severity
    windows: int = 1
    calm: int = 0


def advance_rate(
    version: tuple[str, str], episode: RateEpisode | None, window: Window, rate: WindowRate
) -> tuple[RateEpisode | None, Phase | None]:
    """What a window changes; one that is neither too high nor calm keeps an episode as it is."""
    if episode is None:
        if not rate.high:
            return None, None
        name = episode_id(*version, "outliers", FEATURE, window.id)
        return RateEpisode(name, window.start, rate.share, severity_of(rate)), "opened"
    if rate.calm:
        calm = replace(episode, calm=episode.calm + 1)
        return (replace(calm, rate=rate.share), "resolved") if calm.calm >= CLOSE_AFTER else (calm, None)
    if not rate.high:
        return replace(episode, calm=0), None
    seen = replace(episode, windows=episode.windows + 1, calm=0)
    worst: Severity = max(episode.severity, severity_of(rate), key=_STEPS.index)
    if worst == episode.severity and rate.share < episode.rate + WORSE_BY:
        return seen, None
    return replace(seen, rate=rate.share, severity=worst), "worsened"


def severity_of(rate: WindowRate) -> Severity:
    return "critical" if rate.share >= min(CRITICAL_TIMES * rate.contamination, CRITICAL) else "warning"


def rate_event(
    version: tuple[str, str], episode: RateEpisode, phase: Phase, window: Window, rate: WindowRate, trained: int
) -> DriftEvent:
    """The event of this phase, with the window's rate. trained: rows that training had, of which the contamination's
    share are taken for outliers."""
    expected = round(rate.contamination * trained)
    usual = Bin("category", trained - expected, rate.rows - rate.outliers, label="usual")
    odd = Bin("category", expected, rate.outliers, label="outlier")
    share = Share("binomial", rate.share - rate.contamination, rate.share, (usual, odd), rate.p_value, ALPHA, ALPHA)
    return share_event(phase, About(*version, "outliers", FEATURE), episode, share, window.end)
