"""A bandit's weights by what its labels say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.routing import STRATEGIES
from models.routing.bandit import FLOOR, weights
from tests.models.routing.plans import plan


def test_without_labels_all_arms_weigh_the_same() -> None:
    assert weights({"a": (0, 0), "b": (0, 0), "c": (0, 0)}) == pytest.approx(dict.fromkeys("abc", 1 / 3), abs=1e-5)


def test_of_two_arms_the_weight_is_the_probability_to_be_the_better_one() -> None:
    """Beta(2, 1) beats Beta(1, 1) in two of three cases; both densities are elementary."""
    assert weights({"a": (0, 0), "b": (1, 0)}, floor=0) == pytest.approx({"a": 1 / 3, "b": 2 / 3}, abs=1e-5)
    assert weights({"a": (0, 0), "b": (1, 0)}) == pytest.approx({"a": 0.34, "b": 0.66}, abs=1e-5)


@pytest.mark.parametrize(
    "rewards",
    [
        {"a": (12, 3), "b": (9, 6), "c": (14, 1)},
        {"a": (900, 100), "b": (4, 1)},
        {"a": (90_000, 10_000), "b": (90_100, 9_900), "c": (0, 0)},
    ],
)
def test_weights_are_what_drawing_from_the_posteriors_gives(rewards: dict[str, tuple[float, float]]) -> None:
    draws, generator = 200_000, np.random.default_rng(5)
    drawn = np.array([generator.beta(1 + good, 1 + bad, draws) for good, bad in rewards.values()])
    best = np.bincount(drawn.argmax(axis=0), minlength=len(rewards)) / draws
    assert list(weights(rewards, floor=0).values()) == pytest.approx(best, abs=5 * 0.5 / draws**0.5)


def test_a_clearly_worse_arm_keeps_the_floor() -> None:
    found = weights({"a": (9_000_000, 1_000_000), "b": (8_000_000, 2_000_000), "c": (10, 90)})
    assert found == pytest.approx({"a": 1 - 2 * FLOOR, "b": FLOOR, "c": FLOOR}, abs=1e-5)


counts = st.one_of(st.integers(0, 10**7), st.floats(0, 1e7))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(counts, counts), min_size=2, max_size=8))
def test_weights_are_a_plans_and_the_same_each_time(rewards: list[tuple[float, float]]) -> None:
    by_arm = {f"arm{i}": reward for i, reward in enumerate(rewards)}
    found = weights(by_arm)
    assert all(FLOOR <= weight <= 1 for weight in found.values())
    STRATEGIES["bandit"].check(plan("bandit", *[(name, name, weight) for name, weight in found.items()]))
    assert weights(by_arm) == found


@pytest.mark.parametrize(
    ("rewards", "floor", "says"),
    [({"a": (1, -1)}, 0.1, "negative"), ({"a": (1, 1), "b": (1, 1)}, 0.6, "2 arms cannot have 0.6 each")],
)
def test_what_cannot_be_weighed_is_refused(rewards: dict[str, tuple[float, float]], floor: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        weights(rewards, floor)
