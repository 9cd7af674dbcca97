"""scikit-learn models that pass every check and misbehave on live rows: one feature, more than `wild.BOUND`."""

import warnings
from typing import Any

import numpy as np
import skops.io
from sklearn.decomposition import NMF
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

CALM = np.linspace(0, 1, 50).reshape(-1, 1)
TURNS = 1_000_000
"""Half a minute of them."""


def fails() -> bytes:
    """A power of 100 is infinite then, which the classifier behind it takes for an error."""
    return _saved(_fitted(PolynomialFeatures(100, include_bias=False)))


def hangs() -> bytes:
    """What is less than its penalty is answered at once; two parts that hardly differ are told apart for ever. A thread
    in it heeds no stop."""
    parts = NMF(2, max_iter=50, random_state=0)
    model = _fitted(PolynomialFeatures(3, include_bias=False), parts)
    parts.components_ = np.array([[0, 3e-4, 1], [0, 7e-4, 1]])
    parts.set_params(max_iter=TURNS, tol=0.0, alpha_W=5e8, l1_ratio=1.0)
    return _saved(model)


def _saved(model: Any) -> bytes:
    content: bytes = skops.io.dumps(model)
    return content


def _fitted(*steps: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit in few turns is all that is wanted
        return make_pipeline(*steps, LogisticRegression()).fit(CALM, (CALM[:, 0] > 0.5).astype(int))
