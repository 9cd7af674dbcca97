"""Tallies: what cannot have been counted is refused, and nothing counted gives 0."""

from typing import Any

import pytest

from models.evidence import ArmTally, Pairs


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"served": -1}, "served must be 0 or more, not -1"),
        ({"labels": 1, "loss": float("nan")}, "loss must be 0 or more, not nan"),
        ({"served": 5, "evaluated": 3, "errors": 9}, "errors must be at most requests, 8, not 9"),
        ({"labels": 2, "loss": 2.1}, "loss must be at most labels, 2, not 2.1"),
        ({"evaluated": 2, "compared": 3}, "compared must be at most evaluated, 2, not 3"),
        ({"evaluated": 2, "compared": 1, "disagreements": 2}, "disagreements must be at most compared, 1, not 2"),
    ],
)
def test_counts_that_cannot_be_are_refused_by_name(counts: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}$"):
        ArmTally("canary", "v2", **counts)


def test_sums_over_pairs_are_within_their_count() -> None:
    with pytest.raises(ValueError, match=r"^squares must be at most count, 10, not 11$"):
        Pairs(10, 2, 3, 11)


def test_a_sum_of_losses_may_pass_their_number_in_its_last_bits() -> None:
    assert ArmTally("canary", "v2", labels=10, loss=sum([0.1] * 10) * 10 + 1e-12).loss > 9.9


@pytest.mark.contract("T1")
def test_without_traffic_a_ratio_is_zero() -> None:
    assert ArmTally("canary", "v2").error_ratio == 0.0
