"""What lies on `alerts`: a step of a drift that somebody is to act on, in one sentence and the figures behind it."""

from typing import Any

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from schemas.drift_events import Cause, DriftEvent, Phase, Severity, Share, Subject
from schemas.moment import Moment
from schemas.reading import read_as
from schemas.result import SCHEMA_VERSION

LONGEST_NAME = 120
"""Characters of a name in a sentence: chats take no long ones."""
_CAUSES: dict[Cause | None, str] = {
    "schema_change": "values that training did not have",
    "single_producer": "the rows of one producer",
    "broad_shift": "half of the features at once",
}
_EFFECTS: dict[Subject, str] = {"concept": "Rise of wrong answers", "outliers": "Rows that are outliers"}


class Alert(Struct, frozen=True, gc=False):
    """One step of an episode. alert_id: the same for the same step, however often it is told: an episode has one for
    each phase, and for getting worse one for each severity. text: a sentence for people."""

    alert_id: str
    event_id: str
    phase: Phase
    severity: Severity
    text: str
    model: str
    model_version: str
    subject: Subject
    feature: str
    timestamp: Moment
    first_seen: Moment
    effect: Share
    test: str
    p_value: Share | None
    distance: float | None
    cause: Cause | None = None
    source: str | None = None
    schema_version: int = SCHEMA_VERSION


encode_alert = Encoder().encode
_decoder = Decoder(Alert)


def alert_of(event: DriftEvent) -> Alert:
    """What is to be told of this step."""
    result = event.drift_result
    return Alert(
        alert_id=f"{event.event_id}:{event.phase}:{event.severity}",
        event_id=event.event_id,
        phase=event.phase,
        severity=event.severity,
        text=_sentence(event),
        model=event.model,
        model_version=event.model_version,
        subject=event.subject,
        feature=event.feature,
        timestamp=event.timestamp,
        first_seen=event.first_seen,
        effect=result.effect,
        test=result.test,
        p_value=result.p_value,
        distance=result.distance,
        cause=event.cause,
        source=event.source,
    )


def read_alert(value: bytes | None) -> Alert:
    """The alert in a record. Raises Undecodable."""
    return read_as(_decoder, "an alert", value)


def slack_message(alert: Alert) -> dict[str, Any]:
    """The alert as Slack's incoming webhooks take it, and what speaks like them."""
    name, version, feature = map(_slack, (alert.model, alert.model_version, alert.feature))
    fields = {
        "Model": f"{name} {version}",
        "Feature": feature,
        "Severity": alert.severity,
        "Phase": alert.phase,
        _EFFECTS.get(alert.subject, "Rows that moved"): f"{alert.effect:.0%}",
        "First seen": f"{alert.first_seen:%Y-%m-%d %H:%M:%S} UTC",
    }
    told = [{"type": "mrkdwn", "text": f"*{title}*\n{value}"} for title, value in fields.items()]
    text = _slack(alert.text, len(alert.text))
    return {
        "text": text,
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}},
            {"type": "section", "fields": told},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"event `{alert.event_id}`"}]},
        ],
    }


def _sentence(event: DriftEvent) -> str:
    what = f"{_short(event.model)} {_short(event.model_version)}: {_short(event.feature)}"
    since = f"since {event.first_seen:%Y-%m-%d %H:%M:%S} UTC"
    if event.phase == "resolved":
        return f"{what} no longer drifts; it did {since} ({event.severity} at worst)"
    does = "drifts" if event.phase == "opened" else "drifts more"
    cause = _CAUSES.get(event.cause)
    return f"{what} {does} ({event.severity}): {_moved(event)}, {since}{f'; likely cause: {cause}' if cause else ''}"


def _moved(event: DriftEvent) -> str:
    share = f"{event.drift_result.effect * 100:.0f}"
    match event.subject:
        case "concept":
            return f"wrong answers rose by {share} points"
        case "outliers":
            return f"{share}% of the rows are outliers"
    return f"{share}% of the rows moved"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _slack(text: str, longest: int = LONGEST_NAME) -> str:
    """As Slack takes text that is no markup."""
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
