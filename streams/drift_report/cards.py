"""One feature of the report: a sentence, its histogram, and its PSI over time."""

from html import escape

from streams.drift_report.histograms import histogram
from streams.drift_report.over_time import Times, psi_over_time
from streams.drift_report.shown import Shown
from streams.drift_report.svg import percent, stamp
from streams.drift_report.told import Span

_STATES = {
    "constant": "the same one value as in training",
    "all_missing": "no value in the window",
    "no_reference": "no reference in the bundle",
}
_SUBJECTS = {"prediction": "model's answer", "concept": "wrong answers", "outliers": "outliers"}
_CAUSES = {
    "schema_change": "values that training did not have",
    "single_producer": "rows of one producer",
    "broad_shift": "half of the features moved at once",
}


def card(one: Shown, times: Times | None) -> str:
    heading = f"<h3>{escape(one.name)}</h3>{_status(one)}<span class='soft'>{escape(_sentence(one))}</span>"
    against = "before the drift against since" if one.concept else "training data against the window"
    of = "training data alone" if one.at is None else f"{against}, to {stamp(one.at)} UTC"
    left = f"<figure><figcaption>Share of rows, {of}</figcaption>{histogram(one.bins, one.name)}</figure>"
    if times is None or not one.by_windows:
        return f'<section class="card"><header>{heading}</header>{left}</section>'
    caption = "PSI of each window by its end, UTC, on a square-root scale"
    right = f"<figure><figcaption>{caption}</figcaption>{psi_over_time(one, times)}</figure>"
    return f'<section class="card"><header>{heading}</header><div class="pair">{left}{right}</div></section>'


def pill(kind: str, said: str) -> str:
    return f'<span class="pill {escape(kind)}">{escape(said)}</span>'


def cause_of(span: Span) -> str:
    """The likely one, in words."""
    cause = _CAUSES.get(span.last.cause or "", "")
    return f"{cause} ({span.last.source})" if span.last.source else cause


def _status(one: Shown) -> str:
    said = pill("calm", _SUBJECTS[one.key[0]]) if one.key[0] in _SUBJECTS else ""
    if one.open is not None:
        return said + pill(one.open.severity, f"drifts, {one.open.severity}")
    return said + pill("calm", "calm again" if one.spans else "calm" if one.verdict else "not judged yet")


def _sentence(one: Shown) -> str:
    """In how far it moved, since when, and why."""
    parts = []
    verdict = one.verdict
    if verdict is not None:
        parts.append(_STATES.get(verdict.state) or f"{percent(verdict.effect)} of the rows moved")
    if one.concept and one.spans:
        parts.append(f"wrong answers rose by {one.spans[0].last.drift_result.effect * 100:.0f} points")
    if one.key[0] == "outliers" and one.spans:
        parts.append(f"{percent(one.spans[0].last.drift_result.effect)} of the rows are outliers")
    if one.open is not None:
        parts.append(f"since {stamp(one.open.last.first_seen)} UTC")
        parts.append(cause_of(one.open))
    return " · ".join(part for part in parts if part)
