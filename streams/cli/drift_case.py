"""An episode of drift as tables."""

from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from schemas.drift_events import Bin, DriftEvent, DriftResult
from streams.cli.drift_tail import PHASES, cause, moment
from streams.cli.printable import printable

BAR = 20
MOST_BINS = 24
WHAT = {"prediction": "the answers", "outliers": "the outlier rate"}
EIGHTHS = " ▏▎▍▌▋▊▉"
STRANGE = {"missing": "missing", "unseen": "not seen in training", "out_of_range": "out of training's range"}


def print_episode(steps: Sequence[DriftEvent]) -> None:
    """All steps, then the case of the last one that drifted: that of a resolved one shows that nothing is left."""
    last, worst = steps[-1], [step for step in steps if step.phase != "resolved"][-1:] or steps[-1:]
    state = "is over" if last.phase == "resolved" else "goes on"
    what = WHAT.get(last.subject) or f"{last.subject} {last.feature}"
    click.echo(printable(f"{last.event_id}: {what} of {last.model} {last.model_version}, {last.severity}, {state}"))
    console = Console()
    console.print(_steps(steps))
    case = worst[0].drift_result
    click.echo(f"since {moment(last.first_seen)}, {last.windows} windows drifted{cause(last)}")
    click.echo(f"told at {moment(worst[0].timestamp)}:")
    console.print(_bins(case))
    for strange in case.rates:
        if strange.risen:
            click.echo(
                f"{STRANGE[strange.kind]}: {strange.current:.1%} of the rows, in training {strange.reference:.1%}"
            )
    console.print(_facts(case))


def _steps(steps: Sequence[DriftEvent]) -> Table:
    figures = (Column(name, justify="right") for name in ("rows moved", "p", "rows"))
    table = Table("when", "phase", "severity", *figures)
    for step in steps:
        case = step.drift_result
        phase = f"[{PHASES[step.phase]}]{step.phase}[/]"
        p_value = "" if case.p_value is None else f"{case.p_value:.3g}"
        table.add_row(
            moment(step.timestamp), phase, step.severity, f"{case.effect:.1%}", p_value, str(case.current_rows)
        )
    return table


def _bins(case: DriftResult) -> Table:
    """Shares of rows by bin, side by side on one scale; of very many the largest."""
    table = Table(Column("value", overflow="fold"), "in training", "", "now", "")
    before, now = _shares([one.reference for one in case.bins]), _shares([one.current for one in case.bins])
    shares = list(zip(before, now, strict=True))
    most = max((max(both) for both in shares), default=0.0)
    largest = sorted(range(len(shares)), key=lambda i: -max(shares[i]))[:MOST_BINS]
    shown = [(case.bins[i], shares[i]) for i in sorted(largest)]
    for one, (then, since) in shown:
        shown_bars = bar(then, most), f"{then:.1%}", bar(since, most), f"{since:.1%}"
        table.add_row(escape(printable(_name(one))), *shown_bars)
    if len(shown) < len(case.bins):
        table.caption = f"{len(case.bins) - len(shown)} more with smaller shares"
    return table


def _facts(case: DriftResult) -> Table:
    table = Table("measure", Column("value", justify="right"), show_header=False)
    for name, distance in case.distances.items():
        table.add_row(escape(printable(name)), f"{distance:.3g}")
    if case.threshold is not None:
        table.add_row(f"p-values up to which are drift ({escape(printable(case.correction))})", f"{case.threshold:.3g}")
    for top in case.top_features:
        table.add_row(f"weight of {escape(printable(top.feature))}", f"{top.weight:.3g}")
    return table


def bar(share: float, most: float) -> str:
    """A bar of up to BAR characters, in eighths of one; the smallest there is for anything above 0."""
    eighths = round(share / most * BAR * 8) if most > 0 else 0
    whole, rest = divmod(max(eighths, 1) if share > 0 else 0, 8)
    return "█" * whole + EIGHTHS[rest].strip()


def _name(one: Bin) -> str:
    if one.label is not None:
        return one.label
    match one.where:
        case "unseen":
            return "not seen in training"
        case "category":
            return "all others"
        case "below":
            return f"below {_number(one.high)}"
        case "above":
            return f"above {_number(one.low)}"
    return f"up to {_number(one.high)}"


def _number(value: float | None) -> str:
    """Right below a minimum of 0 lies the first float32 under it, which nobody wants to read."""
    return "" if value is None else f"{0.0 if abs(value) < 1e-12 else value:g}"


def _shares(counts: Sequence[int]) -> list[float]:
    return [count / max(sum(counts), 1) for count in counts]
