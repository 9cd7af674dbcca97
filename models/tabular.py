"""Data frames: what signature one implies, and its rows as the encoder takes them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api import types

from models.signature import ClassLabel, Feature, Signature
from schemas.errors import InvalidRequest

# Each category costs a column inside the model; rarer ones share the reserved code of unseen values.
MOST_CATEGORIES = 100


def infer_signature(frame: pd.DataFrame, label: str) -> Signature:
    """The signature of any table with a label of two classes; the class that sorts last is the positive one.

    Numbers get no bounds, since the data shows what happened and not what may; booleans become integers 0..1.
    Raises InvalidRequest naming what the table lacks.
    """
    if label not in frame.columns:
        known = ", ".join(map(str, frame.columns))
        raise InvalidRequest(f"no column {label!r} to learn: name one of {known}")
    if frame.empty or len(frame.columns) < 2:
        raise InvalidRequest("the table has no rows or no features: give at least one of each")
    holes = [str(column) for column, missing in frame.isna().any().items() if missing]
    if holes:
        raise InvalidRequest(f"cells are empty in {', '.join(holes)}: fill or drop them before training")
    features = (_feature(str(name), frame[name]) for name in frame.columns if name != label)
    classes = _classes(frame[label])
    try:
        return Signature(tuple(features), target=label, classes=classes)
    except ValueError as error:
        raise InvalidRequest(f"the columns make no signature ({error}): rename them in the table") from error


def rows_of(frame: pd.DataFrame, signature: Signature) -> list[dict[str, Any]]:
    """The frame's rows as JSON-able dicts of the signature's features, in plain Python types.

    Raises InvalidRequest when a feature has no column.
    """
    missing = [name for name in signature.names if name not in frame.columns]
    if missing:
        raise InvalidRequest(f"no column for {', '.join(missing)}: the signature asks for them")
    columns = [_plain(feature, frame[feature.name]) for feature in signature.features]
    return [dict(zip(signature.names, values, strict=True)) for values in zip(*columns, strict=True)]


def truth_of(frame: pd.DataFrame, label: str, signature: Signature) -> list[int]:
    """0 or 1 per row. Raises InvalidRequest for a value outside the classes and for one class only."""
    if label not in frame.columns:
        raise InvalidRequest(f"no column {label!r} to learn: name the label's column")
    codes = {value: code for code, value in enumerate(signature.classes)}
    values = [_label(value) for value in frame[label].tolist()]
    strangers = sorted({repr(value) for value in values if value not in codes})
    if strangers:
        raise InvalidRequest(f"{label!r} holds {', '.join(strangers[:5])}: allowed are {signature.classes}")
    if len(set(values)) < 2:
        raise InvalidRequest(f"{label!r} holds one class only: a classifier needs examples of both")
    return [codes[value] for value in values]


def _feature(name: str, column: "pd.Series[Any]") -> Feature:
    if types.is_bool_dtype(column):
        return Feature(name, "int", minimum=0, maximum=1)
    if types.is_integer_dtype(column):
        return Feature(name, "int")
    if types.is_numeric_dtype(column):
        return Feature(name, "float")
    frequent = column.astype(str).value_counts().head(MOST_CATEGORIES).index
    return Feature(name, "str", categories=tuple(sorted(frequent)))


def _classes(column: "pd.Series[Any]") -> tuple[ClassLabel, ClassLabel]:
    found = sorted({_label(value) for value in column.unique().tolist()}, key=_rank)
    if len(found) != 2:
        shown = ", ".join(map(repr, found[:5]))
        raise InvalidRequest(f"the label has {len(found)} classes ({shown}): exactly two are needed")
    return found[0], found[1]


def _rank(label: ClassLabel) -> tuple[bool, ClassLabel]:
    return isinstance(label, str), label


def _label(value: Any) -> ClassLabel:
    """1.0 and True are the class 1; anything that is no whole number is its text."""
    if isinstance(value, bool | int | float) and float(value).is_integer():
        return int(value)
    return str(value)


def _plain(feature: Feature, column: "pd.Series[Any]") -> Sequence[Any]:
    if feature.type == "str":
        return column.astype(str).tolist()
    if types.is_bool_dtype(column):
        return column.astype(int).tolist()
    return column.tolist()
