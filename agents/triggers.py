"""When a model is to be retrained though nobody asks: what is seen of it, held against rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.retraining import Trigger

HELD_OUT = 5
"""A drift is learned once as many of its rows are labelled as the part of the fewest rows that is held out: before, the
job would learn what is known already, and be done with the drift."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When; 0 turns a rule off.

    drift_weight: of open drifts, importance times share of rows. loss: the part by which it has grown. labels: new
    ones. cool_down: since the last job, however it ended. online: rows learned since an online learner was tried.
    """

    drift_weight: float = 0
    loss: float = 0
    labels: int = 0
    age: timedelta = timedelta(0)
    every: timedelta = timedelta(0)
    cool_down: timedelta = timedelta(0)
    least_rows: int = 0
    online: int = 0


@dataclass(frozen=True, slots=True)
class Loss:
    """Of the last windows, and what it was. estimated: the expected share of wrong answers, not the log loss."""

    now: float
    before: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class Signals:
    """What is seen of a model and its champion; None for what is not known.

    drift_weight, drifts: of what drifted since the last completed job, and its names; drift_labels: of rows scored
    since. labels: since that job, or since the champion was trained. online: rows that a learner has learned since it
    was tried, of one that can be judged.
    """

    drift_weight: float = 0
    drifts: Sequence[str] = ()
    drift_labels: int = 0
    loss: Loss | None = None
    labels: int = 0
    trained_at: datetime | None = None
    completed_at: datetime | None = None
    online: int = 0


class Cause(NamedTuple):
    """Why a model is retrained. reason: in words, as the job has it."""

    trigger: Trigger
    reason: str


def cause(seen: Signals, rules: Rules, now: datetime) -> Cause | None:
    """The first rule that holds, what is worst first; None where none does."""
    for trigger, judge in _JUDGES:
        if (reason := judge(seen, rules, now)) is not None:
            return Cause(trigger, reason)
    return None


def rests(last: datetime | None, rules: Rules, now: datetime) -> bool:
    """Whether the model's last job is too near for another."""
    return last is not None and now < last + rules.cool_down


def _drift(seen: Signals, rules: Rules, _: datetime) -> str | None:
    if not 0 < rules.drift_weight <= seen.drift_weight or seen.drift_labels * HELD_OUT < rules.least_rows:
        return None
    names = ", ".join(seen.drifts[:5]) + (f" and {len(seen.drifts) - 5} more" if len(seen.drifts) > 5 else "")
    return f"{names} drifted: weight {seen.drift_weight:.3g}, {rules.drift_weight:g} is a cause"


def _loss(seen: Signals, rules: Rules, _: datetime) -> str | None:
    loss = seen.loss
    if loss is None or not rules.loss or loss.now <= loss.before * (1 + rules.loss):
        return None
    what = "the estimated share of wrong answers" if loss.estimated else "the log loss"
    return f"{what} was {loss.before:.4g} and is {loss.now:.4g}: {rules.loss:.3g} of it more is a cause"


def _online(seen: Signals, rules: Rules, _: datetime) -> str | None:
    if not 0 < rules.online <= seen.online:
        return None
    return f"{seen.online} rows learned online since the last try: {rules.online} are a cause"


def _labels(seen: Signals, rules: Rules, _: datetime) -> str | None:
    return f"{seen.labels} new labels: {rules.labels} are a cause" if 0 < rules.labels <= seen.labels else None


def _age(seen: Signals, rules: Rules, now: datetime) -> str | None:
    """A champion that held its place in a job is as good as trained then."""
    if not rules.age or seen.trained_at is None:
        return None
    age = now - max(seen.trained_at, seen.completed_at or seen.trained_at)
    days = rules.age / timedelta(days=1)
    return f"trained or tried {age.days} days ago: {days:g} are a cause" if age >= rules.age else None


def _schedule(seen: Signals, rules: Rules, now: datetime) -> str | None:
    if not rules.every or (seen.completed_at is not None and now < seen.completed_at + rules.every):
        return None
    return f"every {rules.every / timedelta(hours=1):g} hours"


_JUDGES: Sequence[tuple[Trigger, Callable[[Signals, Rules, datetime], str | None]]] = (
    ("drift", _drift),
    ("loss", _loss),
    ("online", _online),
    ("labels", _labels),
    ("age", _age),
    ("schedule", _schedule),
)
