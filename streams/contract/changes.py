"""What changed between two descriptions, and which of it breaks who relied on the earlier one."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from streams.contract.channels import ANYONE
from streams.contract.narrowing import Covering, Document, resolved

Side = Literal["sent", "read"]
"""What users do with a value: what they send must still be taken, what they read must still be as it was."""


class Change(NamedTuple):
    """One difference."""

    where: str
    what: str
    breaks: bool


def changes(old: Document, new: Document) -> list[Change]:
    """Between two descriptions of one kind, OpenAPI or AsyncAPI; those that break first."""
    found = list(_Routes(old, new).all() if "openapi" in new else _Topics(old, new).all())
    if not found and old != new:
        found = [Change("description", "only words, examples or names of schemas are others now", False)]
    return sorted(dict.fromkeys(found), key=lambda change: not change.breaks)


def _keys(where: str, old: Mapping[str, Any], new: Mapping[str, Any], breaks: bool = True) -> Iterator[Change]:
    """What is gone, which breaks, and what is new, which does not. breaks: whether it does."""
    yield from (Change(f"{where}{name}", "is gone", breaks) for name in old if name not in new)
    yield from (Change(f"{where}{name}", "is new", False) for name in new if name not in old)


def _both(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    return ((name, old[name], new[name]) for name in old if name in new)


class _Schemas:
    """Two documents."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = old, new
        self._known: dict[tuple[str, str, Side], list[Change]] = {}

    def schemas(self, where: str, old: Any, new: Any, side: Side) -> Iterator[Change]:
        """Changes of a schema, looked for once: the form of errors stands everywhere."""
        asked = (json.dumps(old), json.dumps(new), side)
        if asked not in self._known:
            self._known[asked] = list(self._looked_for(old, new, side))
        yield from (change._replace(where=where + change.where) for change in self._known[asked])

    def _looked_for(self, old: Any, new: Any, side: Side) -> Iterator[Change]:
        onward = Covering(self.new, self.old, is_new=True).gaps("", new, old)
        back = Covering(self.old, self.new, is_new=False).gaps("", old, new)
        breaking, fine = (onward, back) if side == "sent" else (back, onward)
        for gaps, breaks in ((breaking, True), (fine, False)):
            yield from (Change(gap.where, gap.what, breaks if gap.breaks is None else gap.breaks) for gap in gaps)


class _Routes(_Schemas):
    """Two descriptions in OpenAPI."""

    def all(self) -> Iterator[Change]:
        old, new = _operations(self.old), _operations(self.new)
        yield from _keys("", old, new)
        for name, before, after in _both(old, new):
            yield from _security(name, before, after)
            yield from self._parameters(name, before, after)
            yield from self._body(f"{name} body", before.get("requestBody"), after.get("requestBody"))
            yield from self._answers(name, before["responses"], after["responses"])

    def _parameters(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        before, after = _parameters(old), _parameters(new)
        yield from _keys(f"{where} ", before, after)
        for name, parameter in after.items():
            if parameter["required"] and not before.get(name, {}).get("required", False):
                yield Change(f"{where} {name}", "has to be there now", True)
        for name, left, right in _both(before, after):
            yield from self.schemas(f"{where} {name}", left["schema"], right["schema"], "sent")

    def _body(self, where: str, old: Any, new: Any) -> Iterator[Change]:
        if new and new["required"] and not (old and old["required"]):
            yield Change(where, "has to be there now", True)
        before, after = (old or {}).get("content", {}), (new or {}).get("content", {})
        yield from _keys(f"{where} ", before, after)
        for name, left, right in _both(before, after):
            yield from self.schemas(f"{where} {name}", left["schema"], right["schema"], "sent")

    def _answers(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        yield from _keys(f"{where} ", old, new)
        for status, left, right in _both(old, new):
            before, after = resolved(self.old, left), resolved(self.new, right)
            yield from self._headers(f"{where} {status}", before["headers"], after["headers"])
            yield from _keys(f"{where} {status} ", before["content"], after["content"])
            for media, one, other in _both(before["content"], after["content"]):
                yield from self.schemas(f"{where} {status} {media}", one["schema"], other["schema"], "read")

    def _headers(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        yield from _keys(f"{where} header ", old, new)
        for name, left, right in _both(old, new):
            before, after = resolved(self.old, left), resolved(self.new, right)
            if before.get("required", False) != after.get("required", False):
                is_there = after.get("required", False)
                what = "is always there now" if is_there else "may be missing now"
                yield Change(f"{where} header {name}", what, not is_there)
            yield from self.schemas(f"{where} header {name}", before["schema"], after["schema"], "read")


def _operations(document: Document) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _security(where: str, old: Document, new: Document) -> Iterator[Change]:
    """What a key must be allowed; nothing where none is asked for."""
    before, after = (sorted(str(one) for one in said["security"]) for said in (old, new))
    if before != after:
        yield Change(where, f"asks for {' or '.join(after) or 'no key'} now", bool(after))


def _parameters(operation: Document) -> dict[str, Any]:
    """By place and name; those within the path by place alone, as their names are ours."""
    return {f"{one['in']} {one['name']}": one for one in operation.get("parameters", []) if one["in"] != "path"}


class _Topics(_Schemas):
    """Two descriptions in AsyncAPI."""

    def all(self) -> Iterator[Change]:
        before, after = self.old["channels"], self.new["channels"]
        internal = {name for name, channel in {**before, **after}.items() if channel["x-internal"]}
        yield from _keys("", before, after)
        for name, old, new in _both(before, after):
            for change in self._channel(name, old, new):
                yield change._replace(breaks=change.breaks and name not in internal)

    def _channel(self, where: str, old: Document, new: Document) -> Iterator[Change]:
        for facts in ("x-writers", "x-readers"):
            yield from _keys(f"{where} {facts} ", dict.fromkeys(old[facts]), dict.fromkeys(new[facts]), False)
        yield from _kept(where, old["bindings"]["kafka"], new["bindings"]["kafka"])
        yield from _keys(f"{where} ", old["messages"], new["messages"])
        for name, before, after in _both(old["messages"], new["messages"]):
            yield from self._message(f"{where} {name}", before, after, "sent" if ANYONE in old["x-writers"] else "read")

    def _message(self, where: str, old: Document, new: Document, side: Side) -> Iterator[Change]:
        keys = [message["bindings"]["kafka"]["key"]["description"] for message in (old, new)]
        for what, before, after in (("key", *keys), ("content type", old["contentType"], new["contentType"])):
            if before != after:
                yield Change(f"{where} {what}", f"is {after} now, was {before}", True)
        for part in ("headers", "payload"):
            yield from self.schemas(f"{where} {part}", old[part], new[part], side)


def _kept(where: str, old: Document, new: Document) -> Iterator[Change]:
    """How long a topic keeps what, and among how many partitions."""
    before, after = old["topicConfiguration"], new["topicConfiguration"]
    if before["cleanup.policy"] != after["cleanup.policy"]:
        yield Change(where, f"is kept by {after['cleanup.policy']} now", True)
    was, now = (facts.get("retention.ms", 0) for facts in (before, after))
    if was != now:
        yield Change(where, f"is kept for {now} ms now, was {was}", now < was)
    if old["partitions"] != new["partitions"]:
        what = f"has {new['partitions']} partitions now, had {old['partitions']}"
        yield Change(where, what, new["partitions"] < old["partitions"])
