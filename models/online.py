"""A model that goes on learning: river's logistic regression, one labelled row after the other."""

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Any

import numpy as np
from msgspec import Struct

from models.pipelines import build, convert
from models.signature import FloatVector, Signature
from models.training import Matrix, Truth

FAR = 100.0
"""Standard deviations: a number that is further off is learned from as if it were there. One absurd row would spread
its feature so wide that no other value counted any more; many alike still move it there, within some dozens of rows."""

Row = dict[int, float]
"""Column -> value; of categories the one that is there alone, as 1."""


class Weights(Struct, frozen=True):
    """A learner as it is kept. rows: that it has learned. means, variances: of numbers, in the signature's order.

    weights: of numbers, and then of each text's categories.
    """

    rows: int
    means: tuple[float, ...]
    variances: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float


class OnlineLearner:
    """River's standard scaler and logistic regression on the columns that `models.pipelines.build` makes.

    The same rows in the same order make the same learner, to the last bit, however they are parted and however often it
    is kept and resumed between them. That is why river's `learn_many` is not used: it takes one step for all its rows.
    """

    def __init__(self, signature: Signature, kept: Weights | None = None) -> None:
        """kept: what it goes on from. Raises ValueError where that is of another signature."""
        from river.linear_model import LogisticRegression
        from river.preprocessing import StandardScaler
        from river.utils import VectorDict

        layout, self.signature = signature.layout, signature
        self._numbers = list(enumerate(layout.number_columns))
        self._texts, width = [], len(self._numbers)
        for column, codes in zip(layout.text_columns, layout.codes, strict=True):
            self._texts.append((column, width - 1))
            width += len(codes)
        count = len(self._numbers)
        kept = kept or Weights(0, (0.0,) * count, (0.0,) * count, (0.0,) * width, 0.0)
        if (len(kept.means), len(kept.variances), len(kept.weights)) != (count, count, width):
            raise ValueError("the weights are of another signature")
        self.rows = kept.rows
        self._scaler: Any = StandardScaler()
        self._scaler.counts.update(dict.fromkeys(range(count), kept.rows))
        self._scaler.means.update(enumerate(kept.means))
        self._scaler.vars.update(enumerate(kept.variances))
        self._model: Any = LogisticRegression(intercept_init=kept.intercept)
        self._model._weights = VectorDict(dict(enumerate(kept.weights)))  # river takes none that differ by column
        self._model.optimizer.n_iterations = kept.rows

    def learn(self, matrix: Matrix, truth: Truth) -> FloatVector:
        """Each row's probability of the positive class, [n], as it was before the row was learned.

        matrix: encoded, [n, n_features]. truth: 0 or 1, [n].
        """
        answers = np.empty(len(matrix))
        for place, (values, label) in enumerate(zip(matrix.tolist(), truth.tolist(), strict=True)):
            numbers, texts = self._columns(values)
            answers[place] = self._answer(numbers, texts)
            held = self._held(numbers)
            self._scaler.learn_one(held)
            self._model.learn_one(self._scaler.transform_one(held) | texts, label)
            self.rows += 1
        return answers

    def score(self, matrix: Matrix) -> FloatVector:
        """A `models.base.Scorer`'s answers, of what is learned so far."""
        return np.array([self._answer(*self._columns(values)) for values in matrix.tolist()], dtype=np.float64)

    def kept(self) -> Weights:
        """All that it is."""
        means, variances, weights = self._scaler.means, self._scaler.vars, self._model.weights
        numbers = range(len(self._numbers))
        return Weights(
            self.rows,
            tuple(means[i] for i in numbers),
            tuple(variances[i] for i in numbers),
            tuple(weights[i] for i in range(len(weights))),
            self._model.intercept,
        )

    def _columns(self, values: list[float]) -> tuple[Row, Row]:
        """Numbers and categories of a row; the reserved code of unseen categories is no column."""
        texts = ((before, int(values[column])) for column, before in self._texts)
        return {i: values[column] for i, column in self._numbers}, {
            before + code: 1.0 for before, code in texts if code
        }

    def _answer(self, numbers: Row, texts: Row) -> float:
        return float(self._model.predict_proba_one(self._scaler.transform_one(numbers) | texts)[True])

    def _held(self, numbers: Row) -> Row:
        return dict(self._within(numbers.items()))

    def _within(self, numbers: Iterable[tuple[int, float]]) -> Iterable[tuple[int, float]]:
        means: Mapping[int, float] = self._scaler.means
        variances: Mapping[int, float] = self._scaler.vars
        for i, value in numbers:
            # Of a feature that has had one value so far nothing tells what is far.
            reach = FAR * sqrt(variances[i]) or float("inf")
            yield i, min(max(value, means[i] - reach), means[i] + reach)


def graph(learner: OnlineLearner) -> bytes:
    """As `models.pipelines.convert` makes it, of scikit-learn's estimators with river's numbers in them."""
    kept, signature = learner.kept(), learner.signature
    pipeline: Any = build(signature, "logistic_regression", 0)
    pipeline.fit(np.zeros((2, len(signature.features)), dtype=np.float32), [0, 1])
    if kept.means:
        scaler, deviations = pipeline[0].named_transformers_["numbers"], np.sqrt(kept.variances)
        # What has had one value so far has no weight either.
        scaler.mean_, scaler.scale_ = np.array(kept.means), np.where(deviations > 0, deviations, 1.0)
    pipeline[-1].coef_, pipeline[-1].intercept_ = np.array([kept.weights]), np.array([kept.intercept])
    return convert(pipeline, len(signature.features))
