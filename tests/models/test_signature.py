import json

import pytest

from models.churn import CHURN
from models.signature import LARGEST, Feature, Signature


def test_a_signature_survives_json() -> None:
    assert Signature.from_json(json.loads(json.dumps(CHURN.to_json()))) == CHURN


def test_the_default_domain_has_its_21_features() -> None:
    assert len(CHURN.names) == 21
    assert CHURN.target == "churn"
    assert CHURN.classes == (0, 1)


def test_an_unbounded_number_still_has_to_fit_float32() -> None:
    feature = Feature("x", "float")
    assert (feature.low, feature.high) == (-LARGEST, LARGEST)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (("", "int"), "needs a name"),
        (("x", "date"), "none of int, float, str"),
        (("x", "str"), "needs categories"),
        (("x", "int", 0, 1, ("a",)), "a number has none"),
        (("x", "str", None, None, ("a", "a")), "stands twice"),
        (("x", "int", 2, 1), "minimum above maximum"),
        (("x", "int", float("nan"), 1), "minimum above maximum"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(fields: tuple[object, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Feature(*fields)  # type: ignore[arg-type]


X = Feature("x", "int")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (((), "y"), "at least one feature"),
        (((X, X), "y"), "stands twice"),
        (((X,), ""), "needs a target"),
        (((X,), 'say "y"'), "quotes"),
        (((X,), "y\n"), "control"),
        (((X,), "y", (1, 1)), "needs different classes"),
        (((X,), "y", (0, 1, 2)), "two different classes"),
        (((X,), "y", (0, 1), "ranking"), "none of binary, multiclass, regression"),
    ],
)
def test_a_signature_that_contradicts_itself_is_refused(arguments: tuple[object, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Signature(*arguments)  # type: ignore[arg-type]
