"""Windows and references that nobody would wish for: a stated outcome each, and never a number that is none."""

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from models.drift import Distribution, FeatureReference, judge, reference_of
from models.drift.schema_change import rates
from models.profile import reference_profile
from models.signature import Feature, FeatureType, Signature
from tests.models.drift.worlds import SMALL, Matrix, column, compared, judged, only, sketched

NORMAL = np.random.default_rng(6).normal(size=1000).astype(np.float32)
WILD: dict[str, tuple[FeatureType, Matrix, Matrix, str, bool]] = {
    "all null": ("float", NORMAL, column(*[np.nan] * 50), "all_missing", True),
    "all null text": ("str", column(1, 2).repeat(50), column(*[np.nan] * 50), "all_missing", True),
    "constant as before": ("float", column(*[2] * 99), column(*[2] * 50), "constant", False),
    "constant at another value": ("float", column(*[2] * 99), column(*[3] * 50), "tested", True),
    "constant now": ("float", NORMAL, column(*[0.5] * 50), "tested", True),
    "constant before": ("float", column(*[2] * 99), NORMAL[:50], "tested", True),
    "one category as before": ("str", column(*[1] * 99), column(*[1] * 50), "constant", False),
    "one other category": ("str", column(*[1] * 99), column(*[2] * 50), "tested", True),
    "one category now": ("str", column(1, 2).repeat(50), column(*[1] * 50), "tested", True),
    "training had none": ("float", column(*[np.nan] * 99), NORMAL[:50], "no_reference", False),
    "infinite": ("float", NORMAL, column(*[np.inf, -np.inf] * 25), "tested", True),
    "null mostly": ("float", NORMAL, column(0.1, *[np.nan] * 49), "tested", True),
}


@pytest.mark.parametrize("case", WILD)
def test_wild_features_have_a_stated_outcome_and_never_a_number_that_is_none(case: str) -> None:
    type_, before, now, state, drifted = WILD[case]
    verdict = judged(type_, before, now)
    [one] = verdict.features
    assert (one.state, one.drifted) == (state, drifted)
    assert all(map(math.isfinite, _numbers(asdict(replace(verdict, features=())))))
    shown = replace(one, distribution=None)  # type: ignore[arg-type]
    assert all(map(math.isfinite, _numbers(asdict(shown))))


@pytest.mark.parametrize(
    ("type_", "now", "strange"),
    [
        ("float", [0.5] * 960 + [np.nan] * 40, "missing"),
        ("float", [0.5] * 960 + [40.0] * 40, "out_of_range"),
        ("str", [1.0] * 480 + [2.0] * 480 + [0.0] * 40, "unseen"),
    ],
)
def test_a_few_strange_values_are_a_drift_though_few_rows_moved(type_: FeatureType, now: Any, strange: str) -> None:
    before = column(1, 2).repeat(1000) if type_ == "str" else column(0, *[0.5] * 1999)
    one = only(type_, before, column(*now))
    assert (one.strange, one.drifted, one.calm) == ((strange,), True, False)
    assert one.effect < 0.1
    [rate] = [rate for rate in one.rates if rate.kind == strange]
    assert (rate.reference, rate.current) == (0.0, 0.04)


def test_strange_values_as_frequent_as_in_training_are_none() -> None:
    before, now = column(0, 1, 1, 2, 2, 2).repeat(300), column(0, 1, 1, 2, 2, 2).repeat(100)
    assert only("str", before, now).strange == ()
    assert only("float", NORMAL, np.append(NORMAL[:996], column(9, 9, -9, 9))).strange == ()


def test_after_a_training_of_few_rows_values_out_of_its_range_are_no_news() -> None:
    """Of 30 rows the extremes leave a fifteenth of the same distribution outside."""
    random, alarms = np.random.default_rng(31), 0
    for _ in range(200):
        rows = random.normal(size=330).astype(np.float32)
        one = only("float", rows[:30], rows[30:])
        alarms += bool(one.strange)
    assert alarms == 0


def test_after_a_training_of_few_rows_categories_that_it_did_not_see_are_no_news() -> None:
    """200 rows leave a tenth of the same distribution to categories that they have none of, and 1000 a hundredth."""
    random, alarms = np.random.default_rng(33), 0
    shares = 1 / np.arange(1, 81)
    for trained in [200] * 100 + [1000] * 100:
        codes = random.choice(80, trained + 1000, p=shares / shares.sum())
        known = np.unique(codes[:trained])
        places = np.searchsorted(known, codes).clip(max=len(known) - 1)
        encoded = np.where(known[places] == codes, places + 1, 0).astype(np.float32)
        signature = Signature((Feature("x", "str", categories=tuple(map(str, known))),), "y")
        reference = reference_of(signature, reference_profile(signature, encoded[:trained, None]))
        assert reference is not None
        [one] = judge(reference, sketched(reference, encoded[trained:]), SMALL).features
        alarms += bool(one.strange)
    assert alarms == 0


def test_of_a_text_whose_most_frequent_categories_are_told_apart_the_others_are_no_news() -> None:
    """Of categories about as frequent those are in the list that training had more of, by chance."""
    random, alarms = np.random.default_rng(34), 0
    shares = 1 / np.arange(1, 301)
    for _ in range(60):
        before, now = (
            random.multinomial(5000, shares / shares.sum()),
            random.multinomial(100_000, shares / shares.sum()),
        )
        listed = np.sort(np.argsort(-before, kind="stable")[:100])
        counts = [np.append(sample.sum() - sample[listed].sum(), sample[listed]) for sample in (before, now)]
        known = FeatureReference("x", "feature", "category", counts[0], column(), tuple(map(str, listed)))
        [_, unseen] = rates(Distribution(known, counts[1]))
        alarms += unseen.risen >= 0.01 and unseen.p_value <= 0.0005
    assert alarms == 0


def test_the_chance_of_values_out_of_range_counts_both_ends() -> None:
    """Counted as if all lay beyond one end, it is a twentieth or less in a sixth of the windows without a drift."""
    random, found = np.random.default_rng(32), []
    for _ in range(2000):
        rows = random.normal(size=330).astype(np.float32)
        [chance] = [rate.p_value for rate in rates(compared("float", rows[:30], rows[30:])) if rate.kind != "missing"]
        found.append(chance)
    print(f"seed 32: {np.mean(np.array(found) <= 0.05):.3f} of 2000 at 0.05")
    assert 0.02 <= np.mean(np.array(found) <= 0.05) <= 0.05


@pytest.mark.parametrize(("shift", "expected"), [(0.0, None), (0.35, "info"), (0.7, "warning"), (2.0, "critical")])
def test_severity_follows_the_share_of_rows_that_moved(shift: float, expected: str | None) -> None:
    assert judged("float", NORMAL, NORMAL + np.float32(shift)).severity == expected


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, float):
        yield value
