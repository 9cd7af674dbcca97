"""JSON schemas of messages and bodies, as msgspec and pydantic have them."""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any, get_args

from msgspec import json
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from schemas.control import Command, Outcome
from schemas.feedback import Feedback
from schemas.result import PredictionResult
from streams.contract.operation import Form
from streams.contract.route_bodies import VERBS, Answered, Prediction, RouteChange

PLACE = "#/components/schemas/"
READ: tuple[type[BaseModel], ...] = (
    Feedback,
    PredictionResult,
    Outcome,
    Prediction,
    Answered,
    RouteChange,
    *get_args(Command),
    *VERBS.values(),
)
"""Whose writers leave out what has a default; of the others everything is always there."""

Schemas = dict[str, Any]


class Components:
    """The schemas of these forms, and what they refer to, by name."""

    def __init__(self, forms: Iterable[Form]) -> None:
        known = [one for form in forms if not isinstance(form, Mapping) for one in _alternatives(form)]
        structs = [form for form in known if not _is_model(form)]
        models = dict.fromkeys([form for form in known if _is_model(form)] + _models_within(structs))
        self._models, pydantic = models_json_schema(
            [(model, _mode(model)) for model in models], ref_template=PLACE + "{model}"
        )
        schemas, msgspec = json.schema_components(structs, schema_hook=self._of_model, ref_template=PLACE + "{name}")
        self._structs = {id(form): schema for form, schema in zip(structs, schemas, strict=True)}
        found = pydantic.get("$defs", {})
        twice = msgspec.keys() & found.keys()
        assert not twice, f"two messages of one name: {', '.join(twice)}"
        self.by_name: Schemas = {name: _tidied(schema) for name, schema in sorted({**found, **msgspec}.items())}

    def schema(self, form: Form) -> Schemas:
        """Of one form; of what has a name, where it stands."""
        if isinstance(form, Mapping):
            return dict(form)
        if isinstance(form, tuple):
            return {"anyOf": [self.schema(each) for each in form]}
        return dict(self._of_model(form) if _is_model(form) else self._structs[id(form)])

    def _of_model(self, model: type[BaseModel]) -> Schemas:
        return self._models[model, _mode(model)]


def _alternatives(form: Form) -> tuple[Any, ...]:
    return form if isinstance(form, tuple) else (form,)


def _is_model(form: Any) -> bool:
    return isinstance(form, type) and issubclass(form, BaseModel)


def _mode(model: type[BaseModel]) -> JsonSchemaMode:
    return "validation" if issubclass(model, READ) else "serialization"


def _models_within(structs: Iterable[Form]) -> list[type[BaseModel]]:
    """The pydantic messages that these are made of."""
    met: list[type[BaseModel]] = []

    def meet(model: type[BaseModel]) -> Schemas:
        met.append(model)
        return {"type": "object"}

    json.schema_components(structs, schema_hook=meet)
    return met


def _tidied(schema: Any) -> Any:
    """Texts without the indent of our sources, and no titles that only repeat a name."""
    if isinstance(schema, list | tuple):
        return [_tidied(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {name: _tidied(value) for name, value in schema.items() if name != "title" or not isinstance(value, str)}
    if isinstance(text := tidied.get("description"), str):
        tidied["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", cleandoc(text))
    return tidied
