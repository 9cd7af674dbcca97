"""How one JSON schema differs from another: what values of the one are none of the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class Gap(NamedTuple):
    """Where, and what is so now. breaks: None where that depends on who sends such values and who reads them."""

    where: str
    what: str
    breaks: bool | None = None


Pairs = frozenset[tuple[str, str]]
BOUNDS = {
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), 1),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), -1),
}
"""Bound -> its sign: times that, a larger one lets less through."""
JSON_TYPES = {
    str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array", type(None): "null",
}  # fmt: skip
EXACT = ("pattern", "format", "contentEncoding", "uniqueItems", "multipleOf")


@dataclass(frozen=True, slots=True)
class Covering:
    """Whether one document's schemas take whatever is of the other's. is_new: whether the wide one is the later."""

    wide: Document
    narrow: Document
    is_new: bool

    def gaps(self, where: str, wide: Any, narrow: Any, seen: Pairs = frozenset()) -> list[Gap]:
        """Why something of the narrow schema may be none of the wide one. seen: pairs that are under way."""
        pair = (_reference(wide), _reference(narrow))
        if pair in seen:
            return []
        seen = seen | {pair} if all(pair) else seen
        wides, narrows = _branches(self.wide, wide), _branches(self.narrow, narrow)
        found = [gap for each in narrows for gap in self._best(where, wides, each, seen)]
        return list(dict.fromkeys(found))

    def _best(self, where: str, wides: Sequence[Any], narrow: Any, seen: Pairs) -> list[Gap]:
        """The gaps to the alternative that is the most like it."""
        found = [list(self._of_one(where, wide, narrow, seen)) for wide in wides]
        best = min(found, key=_weight)
        kin = [gaps for gaps, wide in zip(found, wides, strict=True) if _types(wide) == _types(narrow)]
        if _weight(best) == 0 or len(wides) == 1:
            return best
        return min(kin, key=_weight) if kin else [self._say(where, "is no more", "may be", _named(narrow))]

    def _of_one(self, where: str, wide: Any, narrow: Any, seen: Pairs) -> Iterator[Gap]:
        if wide is True or wide == {} or narrow is False:
            return
        if wide is False or not isinstance(narrow, dict):
            yield self._say(where, "is no more", "may be", _named(narrow))
            return
        yield from self._of_types(where, wide, narrow)
        yield from self._of_values(where, wide, narrow)
        yield from self._of_bounds(where, wide, narrow)
        yield from self._of_fields(where, wide, narrow, seen)
        yield from self._of_others(where, wide, narrow, seen)
        yield from self._of_items(where, wide, narrow, seen)

    def _say(self, where: str, gone: str, come: str, what: object) -> Gap:
        return Gap(where, f"{gone if self.is_new else come} {what} now")

    def _of_types(self, where: str, wide: Any, narrow: Any) -> Iterator[Gap]:
        taken, given = _types(wide), _types(narrow)
        if "number" in taken:
            taken = taken | {"integer"}
        if taken and (not given or given - taken):
            yield self._say(where, "is no more", "may be", ", ".join(sorted(given - taken)) or "anything")

    def _of_values(self, where: str, wide: Any, narrow: Any) -> Iterator[Gap]:
        taken, given = _values(wide), _values(narrow)
        if taken is None:
            return
        others = ["anything"] if given is None else [value for value in given if value not in taken]
        if others:
            yield self._say(where, "is no more", "may be", ", ".join(map(str, others)))

    def _of_bounds(self, where: str, wide: Any, narrow: Any) -> Iterator[Gap]:
        for name, sign in BOUNDS.items():
            if name in wide and (name not in narrow or sign * narrow[name] < sign * wide[name]):
                yield self._changed(where, name, wide, narrow)
        for name in EXACT:
            if name in wide and wide[name] != narrow.get(name):
                yield self._changed(where, name, wide, narrow)

    def _changed(self, where: str, name: str, wide: Any, narrow: Any) -> Gap:
        old, new = (narrow, wide) if self.is_new else (wide, narrow)
        return Gap(where, f"{name} is {new.get(name, 'none')} now, was {old.get(name, 'none')}")

    def _of_fields(self, where: str, wide: Any, narrow: Any, seen: Pairs) -> Iterator[Gap]:
        for name in sorted(set(wide.get("required", ())) - set(narrow.get("required", ()))):
            yield Gap(f"{where}.{name}", "has to be there now" if self.is_new else "may be missing now")
        known, others = wide.get("properties", {}), wide.get("additionalProperties", True)
        for name, schema in narrow.get("properties", {}).items():
            if name in known or isinstance(others, dict):
                yield from self.gaps(f"{where}.{name}", known.get(name, others), schema, seen)
            else:
                yield Gap(f"{where}.{name}", "is gone" if self.is_new else "is new", self.is_new)

    def _of_others(self, where: str, wide: Any, narrow: Any, seen: Pairs) -> Iterator[Gap]:
        taken, given = wide.get("additionalProperties", True), narrow.get("additionalProperties", True)
        if "object" not in _types(narrow) or given is False:
            return
        if taken is False and self.is_new:
            yield Gap(where, "takes no other fields now")
        elif taken is False:
            yield Gap(where, "may have other fields now", False)
        else:
            yield from self.gaps(f"{where}.*", taken, given, seen)

    def _of_items(self, where: str, wide: Any, narrow: Any, seen: Pairs) -> Iterator[Gap]:
        first, second = _places(wide), _places(narrow)
        for number, (one, other) in enumerate(zip(first, second, strict=False)):
            yield from self.gaps(f"{where}[{number}]", one, other, seen)
        if not first and not second and "items" in wide:
            yield from self.gaps(f"{where}[]", wide["items"], narrow.get("items", True), seen)


def _reference(schema: Any) -> str:
    return schema.get("$ref", "") if isinstance(schema, dict) else ""


def resolved(document: Document, said: Any) -> Any:
    """What is said, where it stands elsewhere in the document too."""
    while reference := _reference(said):
        found: Any = document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        said = found
    return said


def _branches(document: Document, schema: Any) -> list[Any]:
    """The alternatives that a schema has, itself where it has none."""
    schema = resolved(document, schema)
    if isinstance(schema, dict):
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return [branch for each in schema[choice] for branch in _branches(document, each)]
    return [schema]


def _types(schema: Any) -> set[str]:
    """The types that it says, or that its values have; none where it says neither."""
    if not isinstance(schema, dict):
        return set()
    said = schema.get("type") or [JSON_TYPES[type(value)] for value in _values(schema) or ()]
    return {said} if isinstance(said, str) else set(said)


def _values(schema: Any) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _places(schema: Any) -> list[Any]:
    """Of a list of fixed length, the schema at each place."""
    items = schema.get("items")
    return schema.get("prefixItems") or (items if isinstance(items, list) else [])


def _named(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "anything"
    return ", ".join(map(str, _values(schema) or sorted(_types(schema)))) or "anything"


def _weight(gaps: Sequence[Gap]) -> int:
    """How far two schemas are from each other."""
    return sum(gap.breaks is not False for gap in gaps)
