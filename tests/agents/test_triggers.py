"""What is a cause to retrain a model, and what is none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.triggers import Cause, Loss, Rules, Signals, cause, rests

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = Rules(drift_weight=0.1, loss=0.25, labels=500, age=30 * DAY, every=7 * DAY, least_rows=1000, online=5000)
QUIET = Signals(trained_at=NOW - DAY, completed_at=NOW - DAY)
DRIFTED = replace(QUIET, drift_weight=0.1, drifts=["spent", "orders"], drift_labels=200)


def test_what_is_quiet_is_no_cause_and_neither_is_a_rule_that_is_off() -> None:
    assert cause(QUIET, ALL, NOW) is None
    loud = Signals(9, ["spent"], 10_000, Loss(9, 1, estimated=False), 10_000, NOW - 999 * DAY, None, 10_000)
    assert cause(loud, Rules(), NOW) is None


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (DRIFTED, Cause("drift", "spent, orders drifted: weight 0.1, 0.1 is a cause")),
        (replace(DRIFTED, drift_weight=0.09), None),
        (replace(DRIFTED, drift_labels=199), None),
        (
            replace(QUIET, loss=Loss(0.51, 0.4, estimated=False)),
            Cause("loss", "the log loss was 0.4 and is 0.51: 0.25 of it more is a cause"),
        ),
        (replace(QUIET, loss=Loss(0.5, 0.4, estimated=False)), None),
        (
            replace(QUIET, loss=Loss(0.3, 0.2, estimated=True)),
            Cause("loss", "the estimated share of wrong answers was 0.2 and is 0.3: 0.25 of it more is a cause"),
        ),
        (replace(QUIET, online=5001), Cause("online", "5001 rows learned online since the last try: 5000 are a cause")),
        (replace(QUIET, online=4999), None),
        (replace(QUIET, labels=500), Cause("labels", "500 new labels: 500 are a cause")),
        (replace(QUIET, labels=499), None),
        (replace(QUIET, trained_at=NOW - 40 * DAY), None),
        (
            Signals(trained_at=NOW - 40 * DAY, completed_at=NOW - 30 * DAY),
            Cause("age", "trained or tried 30 days ago: 30 are a cause"),
        ),
        (replace(QUIET, completed_at=NOW - 7 * DAY), Cause("schedule", "every 168 hours")),
        (replace(QUIET, completed_at=None), Cause("schedule", "every 168 hours")),
    ],
)
def test_a_rule_holds_from_its_bound_on(seen: Signals, expected: Cause | None) -> None:
    assert cause(seen, ALL, NOW) == expected


def test_the_worst_is_the_cause() -> None:
    """Each is the cause once those before it are off."""
    seen = Signals(1, ["spent"], 1000, Loss(9, 1, estimated=False), 1000, NOW - 99 * DAY, NOW - 99 * DAY, 9999)
    none = Rules()
    off = {"drift": "drift_weight", "loss": "loss", "online": "online"}
    off |= {"labels": "labels", "age": "age", "schedule": "every"}
    rules, found = ALL, []
    while (due := cause(seen, rules, NOW)) is not None:
        found.append(due.trigger)
        rules = replace(rules, **{off[due.trigger]: getattr(none, off[due.trigger])})
    assert found == list(off)


def test_many_drifts_are_named_up_to_five() -> None:
    due = cause(replace(DRIFTED, drifts=list("abcdefg")), ALL, NOW)
    assert due is not None
    assert due.reason.startswith("a, b, c, d, e and 2 more drifted")


def test_a_model_rests_until_the_cool_down_is_over() -> None:
    rules = Rules(cool_down=timedelta(hours=6))
    assert rests(NOW - timedelta(hours=5.99), rules, NOW)
    assert not rests(NOW - timedelta(hours=6), rules, NOW)
    assert not rests(None, rules, NOW)
    assert not rests(NOW, Rules(), NOW)
