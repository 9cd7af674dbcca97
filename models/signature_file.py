"""The signature of a model that was trained elsewhere, as its owner writes it down: JSON, checked field by field."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator
from pydantic_core import ErrorDetails

from models.refusal import describe
from models.signature import ClassLabel, Feature, Signature
from schemas.answers import Task
from schemas.errors import FieldError, InvalidRequest
from schemas.wire import decode

MOST_NAMED = 20


def _label(value: Any) -> ClassLabel:
    if type(value) not in (int, str):
        raise ValueError("must be an integer or a string")
    label: ClassLabel = value
    return label


_Label = Annotated[ClassLabel, PlainValidator(_label)]
_Bound = Annotated[float | None, Field(allow_inf_nan=False)]


class DeclaredFeature(BaseModel):
    """One input of the model, in the words of a manifest's signature."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    type: Literal["int", "float", "str"]
    minimum: _Bound = None
    maximum: _Bound = None
    categories: list[str] = []

    @model_validator(mode="after")
    def _makes_sense(self) -> "DeclaredFeature":
        feature = self.as_feature()
        if feature.type == "str" and (self.minimum, self.maximum) != (None, None):
            raise ValueError(f"feature {self.name!r}: a str feature has categories, no bounds")
        if feature.type == "int" and math.ceil(feature.low) > math.floor(feature.high):
            raise ValueError(f"feature {self.name!r}: no integer lies between its bounds")
        return self

    def as_feature(self) -> Feature:
        return Feature(self.name, self.type, self.minimum, self.maximum, tuple(self.categories))


class SignatureFile(BaseModel):
    """What a graph does not say of itself.

    target: what is predicted, names `<target>_probability` or `<target>_value`. task: binary unless given.
    classes: negative, then positive label, 0 and 1 unless given; of a multiclass model in the order of its
    probabilities; none of a regression. threshold: probability from which on the positive class of two is answered,
    a half unless given. features: in the graph's order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    target: str
    task: Task = "binary"
    classes: list[_Label] | None = None
    threshold: Annotated[float | None, Field(ge=0, le=1)] = None
    features: Annotated[list[DeclaredFeature], Field(min_length=1)]

    @model_validator(mode="after")
    def _makes_sense(self) -> "SignatureFile":
        self.signature()
        if self.task != "binary" and self.threshold is not None:
            raise ValueError(f"a threshold decides between two classes: a {self.task} model has none")
        return self

    def signature(self) -> Signature:
        features = tuple(feature.as_feature() for feature in self.features)
        given = self.classes or ([0, 1] if self.task == "binary" and self.classes is None else [])
        return Signature(features, self.target, tuple(given), self.task)

    def used_threshold(self) -> float | None:
        """The threshold that holds: none but of a binary model."""
        if self.task != "binary":
            return None
        return 0.5 if self.threshold is None else self.threshold


def read_signature_file(content: bytes) -> SignatureFile:
    """Raises Undecodable for what is no JSON, InvalidRequest naming every wrong field."""
    try:
        return SignatureFile.model_validate(decode(content))
    except ValidationError as error:
        found = [_field_error(item) for item in error.errors(include_url=False)]
    named = found[:MOST_NAMED]
    lines = [f"  {wrong.field}: {wrong.reason}, got {wrong.got}" for wrong in named]
    if more := len(found) - len(named):
        lines.append(f"  and {more} more")
    raise InvalidRequest("\n".join(["these fields of the signature file are wrong:", *lines]), named)


def _field_error(item: ErrorDetails) -> FieldError:
    name = _place(item["loc"])
    if item["type"] == "missing":
        return FieldError(name, "is missing", "nothing")
    if item["type"] == "extra_forbidden":
        model = DeclaredFeature if len(item["loc"]) > 1 else SignatureFile
        known = ", ".join(model.model_fields)
        return FieldError(name, f"unknown field; known are {known}", describe(item["input"]))
    reason = item["msg"].removeprefix("Value error, ").replace("Input should", "must")
    return FieldError(name, reason, describe(item["input"]))


def _place(loc: tuple[Any, ...]) -> str:
    """`features[2].minimum`, counted from 0 as JSON's readers do."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return place.lstrip(".")[:100] or "the file"
