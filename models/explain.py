"""Which features an answer is owed to: Shapley values of the model's own answers."""

import hashlib
from collections.abc import Callable, Mapping
from itertools import chain, combinations
from math import comb
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.bundle import Bundle
from models.signature import FloatVector

Matrix = npt.NDArray[np.float32]
Coalitions = npt.NDArray[np.bool_]
"""[n, n_features]: which features are the row's, the others being the background's."""

EXACT = 8
"""Most features of which every coalition is tried."""
TRIED = 4096
"""Rows that an explanation has scored, about: what it costs, and how near it comes where features are many."""
AT_ONCE = 256
"""Rows between two looks at the time: what takes a graph milliseconds may take a scikit-learn model seconds."""
WIDEST = 1000
"""Most features of a model that is explained: beyond, a row has more coalitions than TRIED, and each is wide."""
SHOWN = 5
"""Features that an answer names, the largest first."""


class Shares(NamedTuple):
    """base: the mean answer over the background. values: each feature's part of what the answer has above it."""

    base: float
    values: FloatVector


IsLate = Callable[[], bool]


def _never() -> bool:
    return False


def explanation(
    bundle: Bundle,
    row: Matrix,
    answer: float,
    place: int | None,
    given: Mapping[str, Any],
    is_late: IsLate = _never,
) -> Any:
    """An answer's explanation as JSON values; base, attributions and others add up to it within 1e-6.

    row: float32 [n_features]. place: of the answered class where there are several, else None. given: the features as
    they were sent. A model that fails or answers with no number on the way says so in place of the shares.
    Raises TimeoutError once `is_late`.
    """
    if len(row) > WIDEST:
        return {"error": f"a model of more than {WIDEST} features is not explained"}
    try:
        found = shapley(bundle, row, answer, place, is_late)
    except (MemoryError, TimeoutError):  # which say nothing of the rows
        raise
    except Exception:  # onnxruntime's and scikit-learn's own share no narrower base
        return {"error": "the model failed on rows between these features and typical ones"}
    if not (np.isfinite(found.values).all() and np.isfinite(found.base)):
        return {"error": "the model answered with no number between these features and typical ones"}
    names = bundle.signature.names
    order = sorted(range(len(names)), key=lambda i: -abs(found.values[i]))[:SHOWN]
    shown = [{"feature": names[i], "value": given.get(names[i]), "attribution": float(found.values[i])} for i in order]
    return {"base": found.base, "attributions": shown, "others": float(answer - found.base - found.values[order].sum())}


def shapley(bundle: Bundle, row: Matrix, answer: float, place: int | None = None, is_late: IsLate = _never) -> Shares:
    """Each feature's Shapley value: what it adds on average, whichever features are known before it.

    A coalition's worth is the mean answer over the background's rows with the coalition's features put in. Few features
    are told exactly, more by permutations in pairs, each with its reverse, drawn from the version and the row: a row is
    explained the same way again. They add up to the answer less the base either way. Sources: Lundberg
    and Lee, "A unified approach to interpreting model predictions" (2017); Mitchell, Cooper, Frank and Holmes,
    "Sampling permutations for Shapley value estimation" (2022).
    """
    width = len(row)
    exact = width <= EXACT
    background = _background(bundle, (1 << width) if exact else 2 * (width - 1))
    worth = _Worth(bundle, row, background, place, is_late)
    base = float(worth(np.zeros((1, width), dtype=np.bool_))[0])
    values = _exactly(worth, width, base, answer) if exact else _sampled(worth, _draws(bundle, row), base, answer)
    return Shares(base, values)


class _Worth(NamedTuple):
    """What coalitions are worth, scored together."""

    bundle: Bundle
    row: Matrix
    background: Matrix
    place: int | None
    is_late: IsLate

    def __call__(self, coalitions: Coalitions) -> FloatVector:
        mixed = np.where(coalitions[:, None, :], self.row, self.background).reshape(-1, len(self.row))
        answers = np.concatenate([self._answers(mixed[i : i + AT_ONCE]) for i in range(0, len(mixed), AT_ONCE)])
        return np.asarray(answers.reshape(len(coalitions), -1).mean(axis=1))

    def _answers(self, rows: Matrix) -> FloatVector:
        if self.is_late():
            raise TimeoutError
        scores = self.bundle.score(rows)
        return scores if self.place is None else np.asarray(scores[:, self.place])


def _background(bundle: Bundle, coalitions: int) -> Matrix:
    """As many typical rows as TRIED allows; 16 at most, one at least."""
    rows = bundle.typical
    wanted = min(len(rows), max(1, TRIED // coalitions))
    return rows[:: len(rows) // wanted][:wanted]


def _exactly(worth: _Worth, width: int, base: float, answer: float) -> FloatVector:
    members = list(chain.from_iterable(combinations(range(width), size) for size in range(width + 1)))
    coalitions = np.array([np.isin(np.arange(width), chosen) for chosen in members])
    known = dict(zip(members, worth(coalitions), strict=True))
    known[()], known[tuple(range(width))] = base, answer
    values = np.zeros(width)
    for chosen in members:
        for feature in set(range(width)).difference(chosen):
            more = tuple(sorted((*chosen, feature)))
            values[feature] += (known[more] - known[chosen]) / (width * comb(width - 1, len(chosen)))
    return values


def _sampled(worth: _Worth, random: np.random.Generator, base: float, answer: float) -> FloatVector:
    width = len(worth.row)
    pairs = max(1, TRIED // (2 * (width - 1) * len(worth.background)))
    orders = [order for _ in range(pairs) for order in _with_reverse(random.permutation(width))]
    between = worth(np.concatenate([_growing(order) for order in orders])).reshape(len(orders), width - 1)
    worths = np.hstack([np.full((len(orders), 1), base), between, np.full((len(orders), 1), answer)])
    values = np.zeros(width)
    for order, added in zip(orders, np.diff(worths, axis=1), strict=True):
        values[order] += added
    return values / len(orders)


def _with_reverse(order: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return order, order[::-1]


def _growing(order: npt.NDArray[np.intp]) -> Coalitions:
    """Every coalition on the way from none to all of them, without these two."""
    known: Coalitions = np.argsort(order) < np.arange(1, len(order))[:, None]
    return known


def _draws(bundle: Bundle, row: Matrix) -> np.random.Generator:
    seed = hashlib.sha256(bundle.version.encode() + row.tobytes()).digest()
    return np.random.default_rng(int.from_bytes(seed[:16], "little"))
