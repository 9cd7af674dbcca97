"""The signature file of `weir models publish`: what it may say, and the reason for each refusal."""

import json
from typing import Any

import pytest

from models.churn import CHURN
from models.signature import Feature, Signature
from models.signature_file import MOST_NAMED, read_signature_file
from schemas.errors import InvalidRequest, Undecodable

NUMBER = {"name": "age", "type": "int", "minimum": 18}
TEXT = {"name": "plan", "type": "str", "categories": ["basic", "pro"]}


def written(**changes: Any) -> bytes:
    return json.dumps({"target": "late", "features": [NUMBER, TEXT]} | changes).encode()


def refused(**changes: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read_signature_file(written(**changes))
    return caught.value


def test_a_file_says_what_the_graph_does_not() -> None:
    declared = read_signature_file(written(classes=["in time", "late"], threshold=0.3))
    features = (Feature("age", "int", minimum=18), Feature("plan", "str", categories=("basic", "pro")))
    assert declared.signature() == Signature(features, "late", ("in time", "late"))
    assert declared.threshold == 0.3


def test_classes_are_0_and_1_and_the_threshold_a_half_unless_given() -> None:
    declared = read_signature_file(written())
    assert (declared.signature().classes, declared.used_threshold()) == ((0, 1), 0.5)


def test_a_manifests_signature_is_a_signature_file() -> None:
    assert read_signature_file(json.dumps(CHURN.to_json()).encode()).signature() == CHURN


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"target": 7}, "target", "must be a valid string"),
        ({"target": ""}, "the file", "needs a target"),
        ({"target": 'a"b'}, "the file", "holds no quotes"),
        ({"classes": [0]}, "the file", "two different classes"),
        ({"classes": []}, "the file", "two different classes"),
        ({"classes": [0, 1, 2]}, "the file", "for more of them the task is multiclass"),
        ({"task": "ranking"}, "task", "'binary', 'multiclass' or 'regression'"),
        ({"task": "multiclass"}, "the file", "needs 3 to 1000 classes"),
        ({"task": "multiclass", "classes": [0, 1]}, "the file", "for two the task is binary"),
        ({"task": "multiclass", "classes": [0, 1, 1]}, "the file", "one stands twice"),
        ({"task": "multiclass", "classes": [0, 1, 2], "threshold": 0.5}, "the file", "a multiclass model has none"),
        ({"task": "regression", "classes": [0, 1]}, "the file", "has no classes"),
        ({"task": "regression", "threshold": 0.5}, "the file", "a regression model has none"),
        ({"classes": [False, 1]}, "classes[0]", "must be an integer or a string"),
        ({"classes": [1, 1]}, "the file", "needs different classes"),
        ({"threshold": 50}, "threshold", "less than or equal to 1"),
        ({"threshold": float("nan")}, "threshold", "less than or equal to 1"),
        ({"features": []}, "features", "at least 1"),
        ({"features": {"age": "int"}}, "features", "valid list"),
        ({"features": ["age"]}, "features[0]", "dictionary"),
        ({"features": [NUMBER, NUMBER]}, "the file", "stands twice in the signature: 'age'"),
        ({"features": [NUMBER | {"type": "number"}]}, "features[0].type", "'int', 'float' or 'str'"),
        ({"features": [NUMBER | {"minimum": "18"}]}, "features[0].minimum", "valid number"),
        ({"features": [NUMBER | {"minimum": float("inf")}]}, "features[0].minimum", "finite number"),
        ({"features": [NUMBER | {"maximum": 1}]}, "features[0]", "minimum above maximum"),
        ({"features": [NUMBER | {"minimum": 0.2, "maximum": 0.8}]}, "features[0]", "no integer lies between"),
        ({"features": [NUMBER | {"categories": ["a"]}]}, "features[0]", "a number has none"),
        ({"features": [NUMBER, TEXT | {"categories": []}]}, "features[1]", "needs categories"),
        ({"features": [NUMBER, TEXT | {"categories": ["a", "a"]}]}, "features[1]", "stands twice"),
        ({"features": [NUMBER, TEXT | {"categories": ["a", 1]}]}, "features[1].categories[1]", "valid string"),
        ({"features": [NUMBER, TEXT | {"minimum": 0}]}, "features[1]", "categories, no bounds"),
        ({"features": [NUMBER | {"name": ""}]}, "features[0]", "needs a name"),
        ({"labels": [0, 1]}, "labels", "known are target, task, classes, threshold, features"),
        ({"features": [NUMBER | {"min": 1}]}, "features[0].min", "known are name, type, minimum, maximum, categories"),
    ],
)
def test_a_wrong_field_is_named_with_the_reason(changes: dict[str, Any], field: str, reason: str) -> None:
    refusal = refused(**changes)
    [wrong] = refusal.fields
    assert wrong.field == field
    assert reason in wrong.reason
    assert f"{field}: {wrong.reason}, got " in str(refusal)


def test_every_wrong_field_is_named_up_to_a_screenful() -> None:
    refusal = refused(target=None, features=[{"type": "int"}, NUMBER | {"name": 3}])
    assert [wrong.field for wrong in refusal.fields] == ["target", "features[0].name", "features[1].name"]
    crowd = refused(features=[{"type": "int"}] * (MOST_NAMED + 5))
    assert len(crowd.fields) == MOST_NAMED
    assert str(crowd).endswith("and 5 more")


def test_a_file_may_be_of_several_classes_or_of_a_number() -> None:
    several = read_signature_file(written(task="multiclass", classes=["low", "middle", "high"]))
    assert (several.signature().task, several.signature().classes) == ("multiclass", ("low", "middle", "high"))
    number = read_signature_file(written(task="regression"))
    assert (number.signature().task, number.signature().classes) == ("regression", ())
    assert (several.used_threshold(), number.used_threshold()) == (None, None)


@pytest.mark.parametrize("value", [[], 1, "text", None])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="the file: "):
        read_signature_file(json.dumps(value).encode())


@pytest.mark.parametrize("content", [b"", b"{", b'{"target": "a",}', b"\xff", b"[" * 100_000, b"\x80\x04K\x01."])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(Undecodable):
        read_signature_file(content)
