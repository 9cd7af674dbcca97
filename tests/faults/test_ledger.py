"""The ledger itself: each wrong that it exists for is found."""

import json

import pytest

from tests.e2e.tap import Event
from tests.e2e.upstream import Key
from tests.faults.ledger import Ledger, check_dead_letters, check_events, check_rows
from tests.faults.load import Asked

ASKED = Asked("r", Key("", "k"), frozenset({"ok"}), 1, 1, 1)


def event(request_id: str = "r", status: str = "ok", label: int = 1, degraded: bool = False) -> Event:
    body = {"request_id": request_id, "entity": "c", "status": status, "label": label, "degraded": degraded}
    return Event(0, 0, None, json.dumps(body).encode(), ())


def wrong(ledger: Ledger) -> list[str]:
    return [name for name, found in ledger.wrong.items() if found]


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([event()], []),
        ([event(), event()], []),
        ([], ["lost"]),
        ([event(), event(label=0)], ["different answers"]),
        ([event(), event(status="error")], ["different answers"]),
        ([event(status="expired")], ["other status"]),
        ([event(), event("stranger")], ["unasked"]),
    ],
)
def test_terminal_events_are_held_against_what_was_asked(events: list[Event], found: list[str]) -> None:
    ledger = Ledger()
    check_events(ledger, [ASKED], events)
    assert wrong(ledger) == found


def test_repeated_events_are_counted() -> None:
    ledger = Ledger()
    check_events(ledger, [ASKED], [event()] * 3)
    assert ledger.repeated == 2


def test_what_was_decided_without_redis_is_counted_apart() -> None:
    ledger = Ledger()
    check_events(ledger, [ASKED], [event(degraded=True), event(status="rate_limited")])
    assert (wrong(ledger), ledger.torn, ledger.degraded) == ([], 1, 1)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("r", 0, "ok")], []),
        ([], ["rows"]),
        ([("r", 0, "ok"), ("r", 0, "ok")], ["rows"]),
        ([("r", 0, "error")], ["rows"]),
        ([("r", 0, "ok"), ("s", 0, "ok")], ["unasked rows"]),
    ],
)
def test_rows_are_held_against_the_terminal_events(rows: list[tuple[str, int, str]], found: list[str]) -> None:
    ledger = Ledger()
    check_rows(ledger, [ASKED], {"r": "ok"}, rows)
    assert wrong(ledger) == found


@pytest.mark.parametrize(("status", "found"), [("ok", ["dead letter of none"]), ("invalid", [])])
def test_dead_letters_are_held_against_the_statuses(status: str, found: list[str]) -> None:
    letter, ledger = Event(0, 0, None, json.dumps({"headers": {"request-id": "r"}}).encode(), ()), Ledger()
    check_dead_letters(ledger, {"r": status}, [letter])
    assert wrong(ledger) == found
