import pytest

from streams.demo.ledger import Ledger, Rows, percentile


def ended(*request_ids: str) -> Ledger:
    """A ledger in which each of these requests ended as it should."""
    ledger = Ledger()
    ledger.sent(request_ids, "http", "generous")
    for request_id in request_ids:
        ledger.event(request_id, "ok")
    ledger.rows = {request_id: Rows(1, 0) for request_id in request_ids}
    return ledger


def test_nothing_is_wrong_where_each_request_ended_once_and_is_stored() -> None:
    assert ended("a", "b").problems() == []


def test_a_request_without_a_terminal_event_is_named() -> None:
    ledger = ended("a")
    ledger.sent(["lost"], "kafka", "generous")
    ledger.rows = {"a": Rows(1, 0), "lost": Rows(1, 0)}
    assert ledger.problems() == ["1 without a terminal event: lost"]


def test_a_request_that_ended_twice_is_named() -> None:
    ledger = ended("a")
    ledger.event("a", "ok")
    assert ledger.problems() == ["1 with more than one terminal event: a"]


@pytest.mark.parametrize(("rows", "what"), [(0, "without a row"), (2, "with more than one row")])
def test_each_request_has_one_row(rows: int, what: str) -> None:
    ledger = ended("a")
    ledger.rows = {"a": Rows(rows, 0)}
    assert ledger.problems() == [f"1 {what} in Postgres: a"]


def test_an_accepted_label_must_be_stored() -> None:
    ledger = ended("a")
    ledger.labels.add("a")
    assert ledger.problems() == ["1 whose label is not in Postgres: a"]
    ledger.rows = {"a": Rows(1, 1)}
    assert ledger.problems() == []


@pytest.mark.parametrize("letters", [0, 2])
def test_what_cannot_be_read_has_exactly_one_dead_letter(letters: int) -> None:
    ledger = ended("a")
    ledger.unreadable.add("a")
    for _ in range(letters):
        ledger.dead_letter({"reason": "not_json", "headers": {"request-id": "a"}})
    assert ledger.problems() == ["1 that should have exactly one dead letter: a"]


def test_who_was_turned_away_is_no_request_and_must_not_turn_up() -> None:
    ledger = ended("a", "away")
    ledger.statuses.pop("away")
    ledger.turn_away("away")
    assert ledger.problems() == []
    assert ledger.event("away", "ok")
    assert ledger.problems() == ["1 turned away, yet processed: away"]


def test_a_failure_to_send_is_a_problem() -> None:
    ledger = ended("a")
    ledger.failures.append("a was answered with 503")
    assert ledger.problems() == ["a was answered with 503"]


def test_a_problem_names_a_few_and_counts_the_rest() -> None:
    ledger = Ledger()
    ledger.sent([f"r{number}" for number in range(8)], "burst", "generous")
    assert ledger.problems()[0] == "8 without a terminal event: r0, r1, r2, r3, r4 and 3 more"


def test_somebody_elses_results_and_dead_letters_are_left_alone() -> None:
    ledger = ended("a")
    assert not ledger.event("theirs", "ok")
    ledger.dead_letter({"reason": "not_json", "headers": {}})
    assert (ledger.problems(), ledger.dead_letters) == ([], {})


@pytest.mark.parametrize(("percent", "value"), [(50, 50.0), (95, 95.0), (99, 99.0), (100, 100.0), (1, 1.0)])
def test_a_percentile_is_the_nearest_rank(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], percent) == value


def test_no_answers_have_no_percentile() -> None:
    assert percentile([], 50) is None
    assert percentile([7.0], 99) == 7.0
