"""How sure it is which of two models is better, from the rows that they were measured on."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from models.retraining import sureness

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def drawn(rows: int, base_rate: float, right: float, champion: float, seed: int) -> Rows:
    """Truth, and the answers of two models that are right so often."""
    random = np.random.default_rng(seed)
    truth = (random.uniform(size=rows) < base_rate).astype(np.intp)
    own, champions = (np.where(random.uniform(size=rows) < share, truth, 1 - truth) == 1 for share in (right, champion))
    return truth, own, champions


def test_the_intervals_hold_what_was_measured_and_a_clear_gain_is_sure() -> None:
    truth, own, champions = drawn(2000, 0.4, 0.95, 0.8, seed=1)
    found = sureness(truth, own, champions)
    f1, champion_f1 = f1_score(truth, own), f1_score(truth, champions)
    for value, (low, high) in ((f1, found.f1), (champion_f1, found.champion_f1), (f1 - champion_f1, found.gain)):
        assert low < value < high
        assert high - low < 0.06
    assert (found.positives, found.better, found.may_be_chance) == (int(truth.sum()), 1.0, False)


def test_of_a_dozen_positives_a_hit_more_may_be_chance() -> None:
    truth = np.repeat([1, 0], [12, 188])
    champion = np.arange(200) < 9
    found = sureness(truth, np.arange(200) < 10, champion)
    assert found.may_be_chance
    assert 0.5 < found.better < 0.9
    assert found.f1[1] - found.f1[0] > 0.2


def test_equal_answers_gain_nothing_and_models_that_never_say_yes_have_no_f1() -> None:
    truth = np.repeat([1, 0], 50)
    same = sureness(truth, truth == 1, truth == 1)
    assert (same.gain, same.better, same.may_be_chance) == ((0.0, 0.0), 0.0, True)
    never = sureness(truth, truth == 2, truth == 2)
    assert (never.f1, never.gain) == ((0.0, 0.0), (0.0, 0.0))


@pytest.mark.parametrize(("rows", "base_rate"), [(300, 0.3), (1000, 0.05)])
def test_of_a_hundred_tables_the_intervals_hold_the_true_gain_of_some_95(rows: int, base_rate: float) -> None:
    truth, own, champions = drawn(1_000_000, base_rate, 0.9, 0.85, seed=0)
    gain = f1_score(truth, own) - f1_score(truth, champions)
    held = 0
    for seed in range(1, 101):
        low, high = sureness(*drawn(rows, base_rate, 0.9, 0.85, seed)).gain
        held += low <= gain <= high
    assert 88 <= held <= 100
