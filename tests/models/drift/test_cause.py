"""Where a drift likely comes from, told only where something stands out."""

import numpy as np
import pytest

from models.drift import Rules, Sketch, Sources, judge, merged
from models.drift.cause import Likely, likely_cause
from tests.models.drift.worlds import Matrix, column, reference, sketched

RANDOM = np.random.default_rng(21)
KNOWN = reference("float", RANDOM.normal(size=5000).astype(np.float32))
RULES = Rules()


def normal(rows: int, shift: float = 0.0) -> Matrix:
    return RANDOM.normal(shift, 1, rows).astype(np.float32)


def likely(*parts: Matrix, sources: Sources | None = None, rules: Rules = RULES) -> Likely:
    """Of a window of these parts, each from another source."""
    sketches = {f"s{i}": sketched(KNOWN, part) for i, part in enumerate(parts)}
    verdict = judge(KNOWN, merged(KNOWN, sketches.values()), rules)
    assert verdict.drifted == ("x",)
    return likely_cause(verdict.features[0], verdict.all, sources or Sources(sketches), rules)


def test_the_one_source_without_which_all_is_calm_is_named() -> None:
    assert likely(normal(400), normal(300, 2.0), normal(400)) == ("single_producer", "s1")
    assert likely(normal(200), normal(900, 1.0)) == ("single_producer", "s1")


def test_a_drift_of_all_sources_is_nobody_s() -> None:
    assert likely(normal(400, 1.0), normal(300, 1.0), normal(400, 1.0)) == (None, None)
    assert likely(normal(400), normal(400, 2.0), normal(400, 2.0)) == (None, None)


def test_of_two_that_would_explain_it_neither_is_named() -> None:
    parts = normal(1700), normal(150, 2.0), normal(150, 2.0)
    rules = Rules(least_effect=0.09, close_ratio=0.9)
    assert likely(*parts, rules=rules) == (None, None)
    assert likely(parts[0], np.append(parts[1], parts[2]), rules=rules) == ("single_producer", "s1")


def test_one_source_alone_or_few_rows_of_others_tell_nothing() -> None:
    assert likely(normal(1000, 1.0)) == (None, None)
    assert likely(normal(60), normal(1000, 1.0)) == (None, None)
    assert likely(normal(1000, 1.0), sources=Sources()) == (None, None)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ({"a": 500, "b": 500}, {"a": 9900, "b": 100}, ("single_producer", "b")),
        ({"a": 500, "new": 500}, {"a": 9900}, ("single_producer", "new")),
        ({"a": 510, "b": 490}, {"a": 500, "b": 500}, (None, None)),
        ({"a": 500, "b": 500}, {}, (None, None)),
    ],
)
def test_a_source_whose_share_rose_by_what_moved_is_named(
    now: dict[str, int], before: dict[str, int], expected: tuple[str | None, str | None]
) -> None:
    """Half of the rows moved by a deviation: a fifth lies elsewhere."""
    window = np.concatenate([normal(500), normal(500, 1.0)])
    assert likely(window, sources=Sources(now=now, before=before)) == expected


def test_a_source_whose_share_rose_while_all_others_drifted_too_is_not_named() -> None:
    parts = [normal(500, 1.0), normal(500, 1.0)]
    sketches = {name: sketched(KNOWN, part) for name, part in zip("ab", parts, strict=True)}
    sources = Sources(sketches, {"a": 500, "b": 500}, {"a": 9000, "b": 1000})
    assert likely(np.concatenate(parts), sources=sources) == (None, None)


def test_mostly_missing_or_strange_values_are_a_change_of_the_schema_and_a_shift_is_none() -> None:
    assert likely(column(*normal(900), *[np.nan] * 100)) == ("schema_change", None)
    assert likely(normal(1000) * 1000) == ("schema_change", None)
    assert likely(normal(1000, 2.0)) == (None, None)


def test_sources_are_told_of_predictions_too() -> None:
    known = reference("float", RANDOM.normal(size=5000).astype(np.float32), np.linspace(0, 1, 5000))
    sketches = {"s0": Sketch(known), "s1": Sketch(known)}
    for i, sketch in enumerate(sketches.values()):
        sketch.add(normal(600)[:, None], (RANDOM.random(600) ** (1 + 4 * i)).astype(np.float32))
    verdict = judge(known, merged(known, sketches.values()), RULES)
    assert verdict.answer is not None
    assert likely_cause(verdict.answer, verdict.all, Sources(sketches), RULES) == ("single_producer", "s1")
