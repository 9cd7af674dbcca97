"""The report's tables: the last window, and the episodes."""

from collections.abc import Sequence
from html import escape

from models.drift import TESTS
from schemas.drift_windows import DriftWindow, FeatureWindow
from streams.drift_report.cards import cause_of, pill
from streams.drift_report.shown import Shown
from streams.drift_report.svg import number, percent, stamp
from streams.drift_report.told import Span, key_of

_NAMES = {
    "psi": "PSI",
    "ks": "KS",
    "jensen_shannon": "Jensen-Shannon",
    "wasserstein": "Wasserstein",
    "chi_square": "χ²",
}
_NOTHING = "–"


def last_window(window: DriftWindow, features: Sequence[Shown]) -> str:
    """A row for each feature, in the report's order."""
    if not window.features:
        return '<p class="empty">There is no reference to hold this version against.</p>'
    facts = (
        f"{stamp(window.start)} to {stamp(window.end)} UTC, {window.rows} rows"
        f"{f', {window.late_rows} of them late' if window.late_rows else ''}. "
        f"Correction for many tests: {window.correction} at {number(window.alpha)}: p-values up to "
        f"{_NOTHING if window.threshold is None else number(window.threshold)} count, where a tenth of the rows moved; "
        f"the smallest is {_p(window.smallest_p)}."
    )
    tests = [name for name in TESTS if any(name in one.distances for one in window.features)]
    heads = ["test", "p", *(_NAMES.get(name, name) for name in tests), "moved", "severity"]
    verdicts = {key_of(one): one for one in window.features}
    rows = [_row(verdicts[one.key], one, tests) for one in features if one.key in verdicts]
    return f'<p class="soft">{escape(facts)}</p>{_table(["feature", *heads], rows)}'


def episodes(spans: Sequence[Span]) -> str:
    rows = []
    for span in spans:
        ended = stamp(span.resolved) if span.resolved else "goes on"
        cells = [stamp(span.last.first_seen), stamp(span.opened), ended, str(span.last.windows)]
        told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        severity, cause = pill(span.severity, span.severity), escape(cause_of(span) or _NOTHING)
        name = f'<td class="name">{escape(span.key[1])}</td>'
        rows.append(f'<tr>{name}{told}<td>{severity}</td><td class="name">{cause}</td></tr>')
    return _table(["feature", "first seen", "opened", "over", "windows", "worst", "likely cause"], rows)


def _row(verdict: FeatureWindow, one: Shown, tests: Sequence[str]) -> str:
    distances = [number(verdict.distances[name]) if name in verdict.distances else _NOTHING for name in tests]
    moved = percent(verdict.effect) if verdict.distances else verdict.state.replace("_", " ")
    cells = [_NAMES.get(verdict.test, verdict.test), _p(verdict.p_value), *distances, moved]
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    severity = _severity(verdict, one)
    class_ = ' class="drifted"' if verdict.drifted else ""
    return f'<tr{class_}><td class="name">{escape(verdict.feature)}</td>{told}<td>{severity}</td></tr>'


def _severity(verdict: FeatureWindow, one: Shown) -> str:
    if one.open is not None:
        return pill(one.open.severity, one.open.severity)
    return pill("warning", "drifted") if verdict.drifted else _NOTHING


def _p(value: float | None) -> str:
    if value is None:
        return _NOTHING
    return "< 1e-12" if value < 1e-12 else number(value)


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    named = {"feature", "likely cause"}
    head = "".join(f'<th class="name">{name}</th>' if name in named else f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
