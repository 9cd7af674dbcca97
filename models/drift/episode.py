"""What is remembered of drifts from window to window."""

from datetime import datetime

from msgspec import Struct

from schemas.drift_events import Cause, DriftEvent, Severity, Subject


class Episode(Struct, frozen=True):
    """A drift of one feature, open or about to be. windows: that drifted; calm: in a row.

    effect: the largest share of rows, of those that were told, that moved or became strange.
    """

    event_id: str
    subject: Subject
    feature: str
    first_seen: datetime
    effect: float
    severity: Severity
    windows: int = 1
    calm: int = 0
    is_open: bool = False
    cause: Cause | None = None
    source: str | None = None


class DriftState(Struct, frozen=True):
    """What is known of one model version. window: the last one that was judged."""

    model: str
    version: str
    episodes: tuple[Episode, ...] = ()
    window: str | None = None


def episode_of(event: DriftEvent) -> Episode:
    """The open episode of which this was the last event."""
    result = event.drift_result
    return Episode(
        event_id=event.event_id,
        subject=event.subject,
        feature=event.feature,
        first_seen=event.first_seen,
        effect=max([result.effect, *(rate.current - rate.reference for rate in result.rates if rate.risen)]),
        severity=event.severity,
        windows=event.windows,
        is_open=True,
        cause=event.cause,
        source=event.source,
    )
