"""The report as one HTML page that asks no network for anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from models.manifest import Manifest
from schemas.drift_windows import DriftWindow
from streams.drift_report.cards import card, pill
from streams.drift_report.over_time import glyph, key_to_levels, overview
from streams.drift_report.shown import Shown
from streams.drift_report.style import STYLE
from streams.drift_report.svg import percent, stamp
from streams.drift_report.tables import episodes, last_window
from streams.drift_report.told import Point, Span

MOST_FEATURES = 100

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a model version. since: of what is told at all. waiting: rows of the first window so far, and how
    many it takes; None where there is a window, or where nobody can tell. manifest: None where the store has none."""

    model: str
    version: str
    made_at: datetime
    since: datetime
    manifest: Manifest | None
    latest: DriftWindow | None
    points: Sequence[Point]
    spans: Sequence[Span]
    features: Sequence[Shown]
    waiting: tuple[int, int] | None = None


def page(report: Report) -> str:
    title = f"Drift of {report.model} {report.version}"
    features = report.features[:MOST_FEATURES]
    times = (report.points[0].end, report.points[-1].end) if report.points else None
    parts = [
        _HEAD,
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>Drift of {escape(report.model)}</h1><code>{escape(report.version)}</code>",
        f'<p class="verdict">{_sentence(report)}</p>{_facts(report)}',
    ]
    if report.points:
        rows = [one for one in features if one.by_windows]
        levels = f'<div class="key">PSI: {key_to_levels()}<span>{_dot()}drifted</span></div>'
        parts.append(f'<h2>All features over time</h2><div class="card">{levels}{overview(rows, report.points)}</div>')
    if report.spans:
        parts.append(f'<h2>Episodes</h2><div class="card scroll">{episodes(report.spans)}</div>')
    if report.latest is not None:
        parts.append(f'<h2>The last window</h2><div class="card scroll">{last_window(report.latest, features)}</div>')
    parts.append(f"<h2>Feature by feature</h2>{_key()}")
    cards = "".join(card(one, times) for one in features)
    parts.append(cards if times else f'<div class="pair">{cards}</div>')
    if len(report.features) > len(features):
        parts.append(f'<p class="soft">{len(report.features) - len(features)} quieter features are left out.</p>')
    parts.append("</main></body></html>\n")
    return "".join(parts)


def _sentence(report: Report) -> str:
    """What an analyst asks first."""
    if report.latest is None:
        if report.waiting is None:
            return "No window yet: nothing was told of this version in the time that was read."
        rows, needed = report.waiting
        return f"No window yet: {rows} of {needed} rows have come ({percent(rows / needed)})."
    drifting = [span for span in report.spans if span.resolved is None]
    if not drifting:
        return f"Nothing drifts: {pill('calm', 'calm')} as of {stamp(report.latest.end)} UTC."
    names = ", ".join(f"<b>{escape(span.key[1])}</b> {pill(span.severity, span.severity)}" for span in drifting[:8])
    more = f" and {len(drifting) - 8} more" if len(drifting) > 8 else ""
    return f"Drifting now: {names}{more}."


def _facts(report: Report) -> str:
    facts = {"read since": f"{stamp(report.since)} UTC", "written": f"{stamp(report.made_at)} UTC"}
    if report.points:
        facts["windows"] = f"{len(report.points)}, {sum(point.rows for point in report.points)} rows"
    if report.manifest is None:
        facts["training"] = "the model store has no such version"
    elif report.manifest.training is None:
        facts["training"] = "elsewhere: there is no reference to compare with"
    else:
        trained = report.manifest.training
        facts["trained"] = f"{stamp(trained.trained_at)} UTC on {trained.rows} rows"
    items = "".join(f"<li>{escape(name)} <b>{escape(value)}</b></li>" for name, value in facts.items())
    return f'<ul class="facts">{items}</ul>'


def _key() -> str:
    marks = "".join(
        f'<span><svg viewBox="-7 -7 14 14">{glyph(phase)}</svg>{name}</span>'
        for phase, name in (("opened", "a drift opens"), ("worsened", "gets worse"), ("resolved", "is over"))
    )
    swatches = (
        '<span><i class="swatch reference"></i>training data</span><span><i class="swatch current"></i>window</span>'
    )
    levels = "<span>dotted: PSI 0.1, dashed: 0.25</span>"
    return f'<div class="key">{swatches}{marks}{levels}</div>'


def _dot() -> str:
    return '<svg viewBox="-7 -7 14 14"><circle r="4" class="drifted"/></svg>'
