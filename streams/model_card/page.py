"""The model card of a retrained model, as one HTML page that asks no network for anything."""

from collections.abc import Sequence
from html import escape

from models.retraining import Report, Slice
from streams.drift_report.style import STYLE
from streams.drift_report.svg import number, percent, stamp
from streams.model_card.pictures import importance, reliability, roc

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""
_STYLE = """
.curve { fill: none; stroke-width: 2; stroke: var(--current); } .point { fill: var(--current); }
.curve.champion { stroke: var(--warning); stroke-dasharray: 6 3; } .point.champion { fill: var(--warning); }
.swatch.candidate { background: var(--current); } .swatch.champion { background: var(--warning); }
"""
_LABELS = {
    "f1": "F1", "precision": "precision", "recall": "recall", "accuracy": "accuracy", "roc_auc": "ROC AUC",
    "log_loss": "log loss", "brier": "Brier score",
}  # fmt: skip
_LOWER_IS_BETTER = {"log_loss", "brier"}


def page(report: Report) -> str:
    """The whole page."""
    title = f"Model card of {report.model} {report.version}"
    return "".join(
        [
            _HEAD,
            f"<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style></head><body><main>",
            f"<h1>Model card of {escape(report.model)}</h1><code>{escape(report.version)}</code>",
            f'<p class="verdict">{_verdict(report)}</p><p>{_sureness(report)}</p>{_facts(report)}',
            f'<h2>On {escape(report.measured_on)}</h2><div class="card scroll">{_figures(report)}</div>',
            f'{_KEY}<div class="pair"><div class="card"><h3>ROC</h3>{roc(report.curves)}</div>',
            f'<div class="card"><h3>Calibration</h3>{reliability(report.curves)}</div></div>',
            f'<h2>What answers hang on</h2><div class="card">{importance(report.importance)}</div>',
            f'<h2>Algorithms that were tried</h2><div class="card scroll">{_tried(report)}</div>',
            f'<h2>Parts of the rows</h2><div class="card scroll">{_slices(report.slices)}</div>',
            "</main></body></html>\n",
        ]
    )


_KEY = (
    '<div class="key"><span><i class="swatch candidate"></i>candidate</span>'
    '<span><i class="swatch champion"></i>champion</span></div>'
)


def _verdict(report: Report) -> str:
    if report.verdict.passed:
        return f"It passed the gate: F1 {number(report.verdict.f1)}, the champion {number(report.verdict.champion_f1)}."
    return f"It did not pass the gate: {escape('; '.join(report.verdict.reasons))}."


def _sureness(report: Report) -> str:
    sure, rows = report.sureness, int(report.candidate["rows"])
    (low, high), (less, more) = sure.f1, sure.gain
    said = (
        f"With 95 % confidence F1 is {number(low)} to {number(high)}, and {number(less)} to {number(more)} above the "
        f"champion's: of {rows} rows {sure.positives} are positive."
    )
    return f"{said} Which of the two is better may be chance." if sure.may_be_chance else said


def _facts(report: Report) -> str:
    first, last = report.window
    facts = {
        "learned": report.tried[0].algorithm.replace("_", " "),
        "rows": f"{report.rows}, {report.unfit} of another signature left out" if report.unfit else str(report.rows),
        "scored": f"{stamp(first)} to {stamp(last)} UTC",
        "digest of the rows": report.digest[:16],
        "champion": report.champion_version,
    }
    items = "".join(f"<li>{escape(name)} <b>{escape(value)}</b></li>" for name, value in facts.items())
    return f'<ul class="facts">{items}</ul>'


def _figures(report: Report) -> str:
    rows = []
    for name, label in _LABELS.items():
        candidate, champion = report.candidate[name], report.champion[name]
        gain = champion - candidate if name in _LOWER_IS_BETTER else candidate - champion
        better = "candidate" if gain > 0 else "champion" if gain < 0 else ""
        rows.append([label, number(candidate), number(champion), better])
    rows.append(["share of positives", percent(report.candidate["base_rate"]), "", ""])
    return _table(["measure", "candidate", "champion", "better"], rows)


def _tried(report: Report) -> str:
    rows = [
        [one.algorithm.replace("_", " "), number(one.mean_loss), ", ".join(map(number, one.roc_auc))]
        for one in report.tried
    ]
    return _table(["algorithm", "log loss", "ROC AUC of each fold, forward in time"], rows)


def _slices(found: Sequence[Slice]) -> str:
    if not found:
        return '<p class="empty">no part of the rows is large enough to be told of</p>'
    shown = sorted(found, key=lambda one: not one.worse)
    rows = [
        [
            one.feature, one.part, str(one.rows), percent(one.base_rate), number(one.brier),
            number(one.champion_brier), "worse" if one.worse else "",
        ]
        for one in shown
    ]  # fmt: skip
    heads = ["feature", "part", "rows", "positives", "Brier score", "champion's", ""]
    return _table(heads, rows, [one.worse for one in shown])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], marked: Sequence[bool] = ()) -> str:
    named = {"measure", "algorithm", "feature", "part"}
    classes = [' class="name"' if head in named else "" for head in heads]
    head = "".join(f"<th{class_}>{escape(name)}</th>" for class_, name in zip(classes, heads, strict=True))
    body = []
    for i, row in enumerate(rows):
        cells = "".join(f"<td{class_}>{escape(cell)}</td>" for class_, cell in zip(classes, row, strict=True))
        body.append(f"<tr{' class=drifted' if marked and marked[i] else ''}>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
