"""Shapley values: they add up, are what the definition says, and come out the same again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models import explain
from models.bundle import Bundle, read_bundle
from models.explain import explanation, shapley
from models.profile import typical_rows
from models.signature import Feature, Signature

Rows = npt.NDArray[Any]


@dataclass
class Formula:
    """A model that is a formula of its rows."""

    of: Callable[[Rows], Rows]
    asked: int = 0

    def score(self, matrix: Rows) -> Rows:
        self.asked += len(matrix)
        return np.asarray(self.of(matrix.astype(np.float64)), dtype=np.float64)


def crossed(rows: Rows) -> Rows:
    """Features that work together, so that an order of them matters."""
    return 1 / (1 + np.exp(-(rows[:, 0] - 2 * rows[:, 1] * rows[:, 2] + np.abs(rows[:, -1]) - 1)))


def by_definition(of: Callable[[Rows], Rows], row: Rows, background: Rows) -> Rows:
    """The mean over all orders of what each feature adds when it becomes known, written down as the definition says."""

    @cache
    def worth(known: frozenset[int]) -> float:
        mixed = background.astype(np.float64)
        for feature in known:
            mixed[:, feature] = row[feature]
        return float(of(mixed).mean())

    orders = list(permutations(range(len(row))))
    values = np.zeros(len(row))
    for order in orders:
        known: frozenset[int] = frozenset()
        for feature in order:
            values[feature] += (worth(known | {feature}) - worth(known)) / len(orders)
            known |= {feature}
    return values


@pytest.fixture
def churn(files: Mapping[str, bytes]) -> Bundle:
    return read_bundle(files)


@pytest.fixture
def bundle(churn: Bundle) -> Callable[..., Bundle]:
    def make(width: int, of: Callable[[Rows], Rows] = crossed) -> Bundle:
        features = tuple(Feature(f"f{i}", "float", 0.0, 1.0) for i in range(width))
        manifest = replace(churn.manifest, signature=Signature(features, "churn"), profile=None)
        return Bundle(manifest, Formula(of))

    return make


def a_row(width: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(width).random(width).astype(np.float32)


@pytest.mark.parametrize("width", [1, 2, 5, 8, 9, 21, 60])
def test_base_and_shares_add_up_to_the_answer(bundle: Callable[..., Bundle], width: int) -> None:
    made, row = bundle(width, lambda rows: rows.sum(axis=1) ** 2 / 100), a_row(width)
    answer = float(made.score(row[None])[0])
    found = shapley(made, row, answer)
    assert abs(found.base + found.values.sum() - answer) < 1e-9
    assert isinstance(made.scorer, Formula)
    assert made.scorer.asked < 3 * explain.TRIED


@pytest.mark.parametrize("width", [3, 7])
def test_few_features_get_their_shares_exactly(bundle: Callable[..., Bundle], width: int) -> None:
    made, row = bundle(width), a_row(width)
    found = shapley(made, row, float(made.score(row[None])[0]))
    assert found.values == pytest.approx(by_definition(crossed, row, made.typical), abs=1e-6)
    assert found.base == pytest.approx(crossed(made.typical).mean(), abs=1e-6)


SHAP = json.loads((Path(__file__).parent / "shap_values.json").read_text())
"""What shap.explainers.Exact finds for `crossed` on the same rows and background; see its version there. The library
itself takes 200 MB and 20 s to import, too much for every run."""


@pytest.mark.parametrize("case", SHAP["cases"], ids=lambda case: str(case["width"]))
def test_few_features_get_what_shap_finds(bundle: Callable[..., Bundle], case: dict[str, Any]) -> None:
    made, row = bundle(case["width"]), a_row(case["width"])
    answer = float(made.score(row[None])[0])
    found = shapley(made, row, answer)
    assert found.values == pytest.approx(case["values"], abs=1e-6)
    assert found.base == pytest.approx(case["base"], abs=1e-6)
    assert abs(case["base"] + sum(case["values"]) - answer) < 1e-6


def test_the_shares_of_many_features_come_near(bundle: Callable[..., Bundle]) -> None:
    made, row = bundle(12), a_row(12)
    found = shapley(made, row, float(made.score(row[None])[0]))
    read = [0, 1, 2, 11]
    wanted = by_definition(crossed, row[read], made.typical[:, read])
    assert found.values[read] == pytest.approx(wanted, abs=0.05)
    assert found.values[3:11] == pytest.approx(np.zeros(8), abs=1e-12), "what the formula never reads has no share"


def test_the_same_row_and_version_are_explained_the_same_way_again(bundle: Callable[..., Bundle]) -> None:
    made, row = bundle(21), a_row(21)
    first, second = (shapley(made, row, 0.5) for _ in range(2))
    assert first.values.tolist() == second.values.tolist()
    other = Bundle(replace(made.manifest, version="v9"), made.scorer)
    assert shapley(other, row, 0.5).values.tolist() != first.values.tolist()


def test_the_five_largest_are_named_with_what_was_given_and_the_rest_summed_up(churn: Bundle) -> None:
    row = typical_rows(churn.signature, churn.manifest.profile)[5]
    answer = float(churn.score(row[None])[0])
    given = {name: f"given {name}" for name in churn.signature.names}
    found = explanation(churn, row, answer, None, given)
    shown = [one["attribution"] for one in found["attributions"]]
    assert len(shown) == 5
    assert [abs(share) for share in shown] == sorted((abs(share) for share in shown), reverse=True)
    assert abs(found["base"] + sum(shown) + found["others"] - answer) < 1e-6
    assert found["attributions"][0]["value"] == f"given {found['attributions'][0]['feature']}"


def test_of_several_classes_the_answered_one_is_explained(bundle: Callable[..., Bundle]) -> None:
    def classes(rows: Rows) -> Rows:
        first = rows[:, 0] / 2
        return np.stack([first, 0.3 * np.ones(len(rows)), 0.7 - first], axis=1)

    made, row = bundle(3, classes), np.array([0.9, 0.1, 0.1], dtype=np.float32)
    found = shapley(made, row, float(made.score(row[None])[0, 0]), place=0)
    assert found.values[0] == pytest.approx(float(row[0]) / 2 - found.base)
    assert found.values[1:].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("breaks", ["raises", "answers with no number"])
def test_a_model_that_fails_on_the_way_says_so_without_its_own_words(
    bundle: Callable[..., Bundle], breaks: str
) -> None:
    def broken(rows: Rows) -> Rows:
        if breaks == "raises":
            raise RuntimeError("secret internals")
        return np.full(len(rows), np.nan)

    found = explanation(bundle(9, broken), a_row(9), 0.5, None, {})
    assert set(found) == {"error"}
    assert "internals" not in found["error"]


def test_no_memory_says_nothing_of_the_row(bundle: Callable[..., Bundle]) -> None:
    def out_of_memory(rows: Rows) -> Rows:
        raise MemoryError

    with pytest.raises(MemoryError):
        explanation(bundle(9, out_of_memory), a_row(9), 0.5, None, {})


def test_a_model_with_very_many_features_is_not_asked(bundle: Callable[..., Bundle]) -> None:
    made = bundle(explain.WIDEST + 1)
    found = explanation(made, a_row(explain.WIDEST + 1), 0.5, None, {})
    assert found == {"error": "a model of more than 1000 features is not explained"}
    assert isinstance(made.scorer, Formula)
    assert made.scorer.asked == 0
