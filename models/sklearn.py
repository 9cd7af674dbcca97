"""scikit-learn models in skops form: their types are checked before anything is made of them, and none is a pickle."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

from models.signature import FloatVector, Signature
from models.tasks import columns_of, scores_of
from schemas.errors import BundleRefused

ALLOWED = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)
"""What fitted estimators are made of, besides the estimators, numpy arrays and plain values that skops takes by itself.

Trees are indexed without a look at their bounds, so a file made to do harm could end the process: who may write to the
model store is trusted that far, with this and with slow models. Nobody's code runs.
"""

# BLAS sums in another order for another number of rows: every call has this many.
BLOCK = 64
MOST_UNPACKED = 1024 * 1024 * 1024

_MEMBERS = (".json", ".npy", ".npz", ".bin")


@dataclass(frozen=True, eq=False)
class Scorer:
    """One loaded estimator; safe to call from several threads.

    names: of the columns, where it was fitted on a data frame.
    """

    model: Any
    signature: Signature
    names: Sequence[str] | None

    def score(self, matrix: npt.NDArray[np.float32]) -> FloatVector:
        """As `models.base.Scorer` says; in one thread, whatever the estimator's own `n_jobs`."""
        from joblib import parallel_config

        rows = len(matrix)
        answers = [np.empty((0, columns_of(self.signature)))]
        with parallel_config(backend="sequential"):
            for start in range(0, rows, BLOCK):
                block = matrix[start : start + BLOCK].astype(np.float64)
                filled = np.pad(block, ((0, BLOCK - len(block)), (0, 0)), mode="edge")
                answers.append(self._answers(filled)[: len(block)])
        return scores_of(self.signature.task, np.concatenate(answers))

    def _answers(self, block: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        given: Any = block
        if self.names is not None:
            import pandas as pd

            given = pd.DataFrame(block, columns=list(self.names))
        ask = self.model.predict if self.signature.task == "regression" else self.model.predict_proba
        output = np.asarray(ask(given), dtype=np.float64).reshape(len(block), -1)
        if output.shape[1] != columns_of(self.signature):
            raise ValueError(f"{output.shape[1]} answers to a row, the signature has {columns_of(self.signature)}")
        return output


def load(content: bytes, signature: Signature) -> Scorer:
    """A scorer for a fitted estimator that `skops.io.dump` wrote.

    Raises BundleRefused for bytes that are no such file, for types that are not allowed, and for an estimator that
    does not fit the signature. skops and scikit-learn take some seconds to import.
    """
    _refuse_other_files(content)
    model = _estimator(content)
    names = getattr(model, "feature_names_in_", None)
    _refuse_other_columns(model, names, signature)
    _refuse_other_answers(model, signature)
    return Scorer(model, signature, None if names is None else [str(name) for name in names])


def _estimator(content: bytes) -> Any:
    import sklearn
    import skops
    from sklearn.exceptions import InconsistentVersionWarning
    from skops.io import get_untrusted_types, loads

    remedy = "save the fitted model again with skops.io.dump"
    try:
        types = get_untrusted_types(data=content)
        if not ALLOWED.issuperset(types):
            strangers = [ascii(name[:100])[1:-1] for name in types if name not in ALLOWED]
            raise BundleRefused(
                f"model.skops holds types that are not allowed: {', '.join(strangers[:10])}: "
                "use scikit-learn's own estimators (docs/models.md says which), or export the model to ONNX"
            )
        with warnings.catch_warnings():
            # Another version may well answer the same: the smoke prediction finds out.
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            return loads(content, trusted=types)
    except BundleRefused:
        raise
    except Exception as error:  # whatever the file's content makes zipfile, json, numpy and scikit-learn raise
        versions = f"skops {skops.__version__} and scikit-learn {sklearn.__version__}"
        raise BundleRefused(f"model.skops cannot be read by {versions}: {remedy} in these versions") from error


def _refuse_other_files(content: bytes) -> None:
    """Before skops reads: nothing in it but arrays and JSON, and not more than fits."""
    try:
        members = ZipFile(BytesIO(content)).infolist()
    except Exception as error:  # what zipfile raises for bytes at random is not told
        raise BundleRefused("model.skops is no skops file: save the fitted model with skops.io.dump") from error
    if strange := [member.filename for member in members if not member.filename.endswith(_MEMBERS)]:
        raise BundleRefused(f"model.skops holds {strange[0][:100]!r}: only arrays and JSON are read, never a pickle")
    if (size := sum(member.file_size for member in members)) > MOST_UNPACKED:
        raise BundleRefused(f"model.skops unpacks to {size} bytes, at most {MOST_UNPACKED} fit: shrink the model")


def _refuse_other_columns(model: Any, names: Any, signature: Signature) -> None:
    width = getattr(model, "n_features_in_", None)
    if width != len(signature.features):
        raise BundleRefused(
            f"model.skops was fitted on {width} columns, the signature has {len(signature.features)} features: "
            "give one for each, both from the same training"
        )
    if names is not None and list(names) != list(signature.names):
        wrong = next(i for i, name in enumerate(signature.names) if name != names[i])
        raise BundleRefused(
            f"column {wrong} of model.skops is {names[wrong]!r}, feature {wrong} of the signature "
            f"{signature.names[wrong]!r}: write the features in the model's order and by its names"
        )


def _refuse_other_answers(model: Any, signature: Signature) -> None:
    classifies = signature.task != "regression"
    known = getattr(model, "classes_", None)
    if not hasattr(model, "predict_proba" if classifies else "predict") or classifies == (known is None):
        needed = "a classifier with predict_proba" if classifies else "a regressor with predict"
        raise BundleRefused(f"model.skops is not {needed}, as its signature of task {signature.task} says")
    if not classifies:
        return
    labels, expected = np.asarray(known).tolist(), list(signature.classes)
    if labels not in (expected, list(range(len(expected)))):
        raise BundleRefused(
            f"model.skops answers with the classes {str(labels)[:200]}, the signature says {str(expected)[:200]}: "
            "write them in the model's order"
        )
