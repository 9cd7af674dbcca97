from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from models.drift import Window
from models.outliers import WindowRate
from models.outliers.rate_episode import RateEpisode, advance_rate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def life(outliers: Sequence[int], contamination: float = 0.01) -> list[tuple[int, str, str]]:
    """Steps by the window of a thousand rows, with their severity."""
    episode: RateEpisode | None = None
    steps = []
    for number, count in enumerate(outliers):
        at = NOON + timedelta(minutes=number)
        window = Window(f"0@{number}", at, at + timedelta(minutes=1))
        rate = WindowRate("isolation_forest", contamination, 1000, count)
        episode, phase = advance_rate(("m", "v1"), episode, window, rate)
        if episode is not None and phase is not None:
            steps.append((number, phase, episode.severity))
            episode = None if phase == "resolved" else episode
    return steps


@pytest.mark.contract("D4")
def test_a_rate_above_twice_the_contamination_opens_an_episode_that_is_worth_an_alert() -> None:
    assert life([10, 20, 21, 30]) == [(3, "opened", "warning")]


def test_it_is_over_after_two_calm_windows_in_a_row_and_between_high_and_calm_it_goes_on() -> None:
    assert life([40, 16, 20, 16]) == [(0, "opened", "warning")]
    assert life([40, 10, 20, 10, 15, 9]) == [(0, "opened", "warning"), (4, "resolved", "warning")]


def test_it_is_worse_once_the_rate_is_ten_times_the_contamination_or_a_tenth_of_the_rows_more() -> None:
    assert life([40, 90, 99, 100, 190, 199, 200]) == [
        (0, "opened", "warning"),
        (3, "worsened", "critical"),
        (6, "worsened", "critical"),
    ]
    assert life([500], contamination=0.2) == [(0, "opened", "critical")]


def test_a_rate_that_rises_again_is_another_episode() -> None:
    assert [phase for _, phase, _ in life([40, 0, 0, 40])] == ["opened", "resolved", "opened"]


def test_few_rows_are_calm_where_chance_may_bring_their_outliers() -> None:
    assert WindowRate("half_space_trees", 0.01, 20, 1).calm
    assert not WindowRate("half_space_trees", 0.01, 20, 2).calm
