"""What a model asks for: its features with types, bounds and categories, and what it predicts."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Raw, Struct, defstruct
from msgspec.json import Decoder

from schemas.answers import TASKS, Task

# The model reads float32: no value beyond this reaches it.
LARGEST = float(np.finfo(np.float32).max)

MOST_CLASSES = 1000

FeatureType = Literal["int", "float", "str"]
ClassLabel = int | str
FloatVector = npt.NDArray[np.float64]
ValuesOf = Callable[[Mapping[str, Any]], tuple[Any, ...]]


@dataclass(frozen=True)
class Feature:
    """One input of a model.

    minimum, maximum: inclusive, None for unbounded.
    categories: known values of a `str` feature; their codes are 1..k in this order.
    """

    name: str
    type: FeatureType
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ValueError(f"feature {self.name!r}: {problem}")

    def _problems(self) -> Iterator[str]:
        if not self.name:
            yield "a feature needs a name"
        if self.type not in ("int", "float", "str"):
            yield f"type {self.type!r} is none of int, float, str"
        if (self.type == "str") != bool(self.categories):
            yield "a str feature needs categories, a number has none"
        if len(set(self.categories)) != len(self.categories):
            yield "a category stands twice"
        if not self.low <= self.high:
            yield "minimum above maximum"

    @property
    def low(self) -> float:
        return -LARGEST if self.minimum is None else max(self.minimum, -LARGEST)

    @property
    def high(self) -> float:
        return LARGEST if self.maximum is None else min(self.maximum, LARGEST)

    def to_json(self) -> dict[str, Any]:
        data = {"name": self.name, "type": self.type, "minimum": self.minimum, "maximum": self.maximum}
        return data | ({"categories": list(self.categories)} if self.categories else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Feature":
        bounds = data.get("minimum"), data.get("maximum")
        return cls(data["name"], data["type"], *bounds, tuple(data.get("categories", ())))


@dataclass(frozen=True)
class Layout:
    """How rows become columns: computed once per signature, used for every batch."""

    numbers: ValuesOf
    texts: ValuesOf
    number_columns: list[int]
    text_columns: list[int]
    text_names: list[str]
    whole: npt.NDArray[np.intp]
    low: FloatVector
    high: FloatVector
    codes: list[dict[str, int]]
    decode: Callable[[Raw], Struct]
    """JSON text -> its values, numbers before texts; raises ValueError for anything but exactly these."""


@dataclass(frozen=True)
class Signature:
    """Everything that may be asked of one model.

    target: what is predicted, names `<target>_probability` or, of a regression, `<target>_value`.
    classes: negative, then positive label; of several in the order of the model's probabilities; none of a regression.
    Raises ValueError for a signature that contradicts itself.
    """

    features: tuple[Feature, ...]
    target: str
    classes: tuple[ClassLabel, ...] = (0, 1)
    task: Task = "binary"

    def __post_init__(self) -> None:
        if not self.features:
            raise ValueError("a signature needs at least one feature")
        if twice := [name for name, times in Counter(self.names).items() if times > 1]:
            raise ValueError(f"a feature name stands twice in the signature: {twice[0]!r}")
        if not self.target:
            raise ValueError("a signature needs a target")
        if _ESCAPED.search(self.target):
            raise ValueError("a target that names a result's field holds no quotes, backslashes or control characters")
        for problem in self._class_problems():
            raise ValueError(problem)

    def _class_problems(self) -> Iterator[str]:
        count = len(self.classes)
        if self.task not in TASKS:
            yield f"task {self.task!r} is none of {', '.join(TASKS)}"
        if self.task == "regression" and count:
            yield "a regression answers with a number and has no classes"
        if self.task == "binary" and count != 2:
            yield "a binary signature needs two different classes: for more of them the task is multiclass"
        if self.task == "multiclass" and not 3 <= count <= MOST_CLASSES:
            yield f"a multiclass signature needs 3 to {MOST_CLASSES} classes: for two the task is binary"
        if len(set(self.classes)) != count:
            yield "a signature needs different classes: one stands twice"

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def layout(self) -> Layout:
        numbers = [(i, f) for i, f in enumerate(self.features) if f.type != "str"]
        texts = [(i, f) for i, f in enumerate(self.features) if f.type == "str"]
        return Layout(
            numbers=_values_of([f.name for _, f in numbers]),
            texts=_values_of([f.name for _, f in texts]),
            number_columns=[i for i, _ in numbers],
            text_columns=[i for i, _ in texts],
            text_names=[f.name for _, f in texts],
            whole=np.flatnonzero([f.type == "int" for _, f in numbers]),
            low=np.array([f.low for _, f in numbers], dtype=np.float64),
            high=np.array([f.high for _, f in numbers], dtype=np.float64),
            codes=[{value: code for code, value in enumerate(f.categories, 1)} for _, f in texts],
            decode=_decoder([f.name for _, f in numbers], [f.name for _, f in texts]),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data, ready for any JSON encoder; `from_json` gives an equal signature back."""
        features = [feature.to_json() for feature in self.features]
        return {"features": features, "target": self.target, "classes": list(self.classes), "task": self.task}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Signature":
        """Raises KeyError, TypeError or ValueError for no signature; manifests older than `task` mean binary."""
        features = tuple(Feature.from_json(feature) for feature in data["features"])
        return cls(features, data["target"], tuple(data["classes"]), data.get("task", "binary"))


_ESCAPED = re.compile(r'["\\\x00-\x1f]')
"""What stands in JSON text only behind a backslash."""


def _decoder(numbers: list[str], texts: list[str]) -> Callable[[Raw], Struct]:
    names = numbers + texts
    if any(map(_ESCAPED.search, names)):
        return _decode_none
    kinds = [int | float] * len(numbers) + [str] * len(texts)
    fields = [f"f{i}" for i in range(len(names))]
    row = defstruct(
        "Row",
        list(zip(fields, kinds, strict=True)),
        rename=dict(zip(fields, names, strict=True)),
        forbid_unknown_fields=True,
        gc=False,
    )
    return Decoder(row).decode


def _decode_none(row: Raw) -> Struct:
    raise ValueError("a name of these features cannot stand in plain JSON text")


def _values_of(names: list[str]) -> ValuesOf:
    """itemgetter that answers with a tuple for no name and for one name, too."""
    if not names:
        return lambda _: ()
    if len(names) == 1:
        only = names[0]
        return lambda row: (row[only],)
    return itemgetter(*names)
