"""The algorithms a bundle can be trained with: scikit-learn pipelines that convert to ONNX whole."""

from collections.abc import Callable
from typing import Any

from models.onnx import INPUT
from models.signature import Signature
from schemas.errors import InvalidRequest


def _logistic_regression(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=2000, random_state=seed)


def _random_forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100, min_samples_leaf=10, random_state=seed)


def _gradient_boosting(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(n_estimators=100, random_state=seed)


ALGORITHMS: dict[str, Callable[[int], Any]] = {
    "logistic_regression": _logistic_regression,
    "random_forest": _random_forest,
    "gradient_boosting": _gradient_boosting,
}
DEFAULT_ALGORITHM = "logistic_regression"


def build(signature: Signature, algorithm: str, seed: int) -> Any:
    """An unfitted pipeline from encoded matrix to probabilities; codes become one-hot columns inside it.

    Raises InvalidRequest for an unknown algorithm.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    if algorithm not in ALGORITHMS:
        raise InvalidRequest(f"unknown algorithm {algorithm!r}: choose one of {', '.join(ALGORITHMS)}")
    codes = [range(1, len(f.categories) + 1) for f in signature.features if f.type == "str"]
    # Trees split raw values: scaling them would only add rounding between scikit-learn and ONNX.
    numbers = StandardScaler() if algorithm == "logistic_regression" else "passthrough"
    columns = (
        ("numbers", numbers, signature.layout.number_columns),
        # The reserved code 0 of unseen categories is no column: all of them zero.
        (
            "texts",
            OneHotEncoder(categories=[list(code) for code in codes], handle_unknown="ignore"),
            signature.layout.text_columns,
        ),
    )
    used = [column for column in columns if column[2]]
    return make_pipeline(ColumnTransformer(used), ALGORITHMS[algorithm](seed))


def convert(pipeline: Any, width: int) -> bytes:
    """The fitted pipeline as an ONNX graph that `models.onnx` loads; equal pipelines, equal bytes."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    classifier = pipeline.steps[-1][1]
    graph = to_onnx(
        pipeline,
        name="weir",
        initial_types=[(INPUT, FloatTensorType([None, width]))],
        options={id(classifier): {"zipmap": False}},
    )
    # As skl2onnx has them they are in the order of a set of texts, another one in each process.
    imports = sorted(graph.opset_import, key=lambda one: (one.domain, one.version))
    del graph.opset_import[:]
    graph.opset_import.extend(imports)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content
