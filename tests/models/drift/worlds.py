"""References and sketches made of samples."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.churn import CHURN
from models.drift import Distribution, Reference, Rules, Sketch, Verdict, judge, reference_of
from models.drift.feature_verdict import FeatureVerdict
from models.features import encode
from models.profile import reference_profile
from models.signature import Feature, FeatureType, FloatVector, Signature
from models.simulate import simulate_customers
from models.tabular import rows_of

Matrix = npt.NDArray[np.float32]
LETTERS = ("a", "b", "c", "d")
SMALL = Rules(window_rows=4)


def feature(type_: FeatureType, name: str = "x") -> Feature:
    return Feature(name, type_, categories=LETTERS if type_ == "str" else ())


def column(*values: float) -> Matrix:
    return np.array(values, dtype=np.float32)


def reference(type_: FeatureType, values: Matrix, scores: FloatVector | None = None) -> Reference:
    """Of one feature `x` and, where there are scores, of the answers `y`."""
    signature = Signature((feature(type_),), "y")
    made = reference_of(signature, reference_profile(signature, values[:, None], scores))
    assert made is not None
    return made


def sketched(known: Reference, *batches: Matrix) -> Sketch:
    """batches: matrices, or columns where there is one feature."""
    sketch = Sketch(known)
    for batch in batches:
        sketch.add(batch if batch.ndim == 2 else batch[:, None])
    return sketch


def compared(type_: FeatureType, reference_values: Matrix, current: Matrix) -> Distribution:
    return sketched(reference(type_, reference_values), current).distribution(0)


def customers(n: int, seed: int) -> Matrix:
    """Simulated ones, encoded: [n, 21]."""
    matrix: Matrix = encode(CHURN, rows_of(simulate_customers(n, seed), CHURN)).matrix
    return matrix


def churn_reference(rows: Matrix, scores: FloatVector | None = None) -> Reference:
    made = reference_of(CHURN, reference_profile(CHURN, rows, scores))
    assert made is not None
    return made


def parts(rows: Matrix, cuts: Sequence[int]) -> list[Matrix]:
    return np.split(rows, list(cuts))


def only(type_: FeatureType, reference_values: Matrix, current: Matrix, rules: Rules = SMALL) -> FeatureVerdict:
    [one] = judged(type_, reference_values, current, rules).features
    return one


def judged(type_: FeatureType, reference_values: Matrix, current: Matrix, rules: Rules = SMALL) -> Verdict:
    known = reference(type_, reference_values)
    return judge(known, sketched(known, current), rules)
