"""Scoring: admitted requests, checked by the model's signature and answered in one pass per model."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from agents.candidate import Candidate, Refusal
from agents.failed import ModelFailed, no_answer
from agents.flagged import add_flags
from agents.groups import Group, encoded, one_by_one
from agents.ports import Router
from models.bundle import Bundle
from models.features import Encoded
from models.routing import Routed
from models.signature import ClassLabel
from schemas.answers import Task, answer_names
from schemas.errors import FieldError, InvalidRequest
from schemas.result import Status, named, refusal, single_result


class Answer(Struct, frozen=True, gc=False):
    """How one request ends.

    outcome: the fields of the result that only this status has, or, for a single row that was answered, the result
    itself as `schemas.result.single_result` makes it. dead_letter: its reason code, or None. rows: the features as
    scored, where there is an answer. mirrors: versions that are to answer the same off the request path.
    """

    item: Candidate | Refusal
    status: Status
    outcome: Any
    model_version: str = ""
    dead_letter: str | None = None
    rows: Sequence[Any] = ()
    mirrors: tuple[str, ...] = ()


@dataclass(slots=True)
class Scored:
    """The answers of a batch in record order, and the categories that no model had seen in training.

    wishes: a bundle and its answers, where some of them are to be explained.
    """

    answers: list[Answer]
    unseen: Counter[str] = field(default_factory=Counter)
    wishes: list[tuple[Bundle, list[Answer]]] = field(default_factory=list)


def score(items: Sequence[Candidate | Refusal], *, router: Router, flagging: bool = False) -> Scored:
    """Answer every item; all rows that go to one model are scored together, and encoded with those of its like.

    flagging: whether answers say if their rows are outliers.
    """
    answers: list[Answer | None] = [None] * len(items)
    scored = Scored([])
    for group, rows in encoded(_grouped(items, router, answers), scored.unseen):
        given = list(_answered(group, rows))
        if flagging:
            add_flags(group, rows, [answer.outcome if answer.status == "ok" else None for answer in given])
        for index, answer in zip(group.indexes, given, strict=True):
            answers[index] = answer
        if any([candidate.request.explain for candidate in group.candidates]):
            scored.wishes.append((group.routed.bundle, given))
    scored.answers = [answer for answer in answers if answer is not None]
    return scored


def _grouped(
    items: Sequence[Candidate | Refusal], router: Router, answers: MutableSequence[Answer | None]
) -> Iterable[Group]:
    """The requests that a model answers, by who does; what has its answer already is put at its place."""
    groups: dict[int, Group] = {}
    for index, item in enumerate(items):
        if isinstance(item, Refusal):
            answers[index] = Answer(item, item.status, {"error": item.error}, dead_letter=item.dead_letter)
            continue
        try:
            routed = router.route(item.request.model, item.request.entity)
        except InvalidRequest as error:
            answers[index] = _invalid(item, error.fields, str(error))
            continue
        group = groups.get(id(routed))
        if group is None:
            group = groups[id(routed)] = Group(routed)
        group.indexes.append(index)
        group.candidates.append(item)
    return groups.values()


def _answered(group: Group, rows: Encoded) -> Iterable[Answer]:
    """The group's answers; where the model raises, each is asked for alone, and who makes it raise is not answered.

    A version that fails on some rows costs these their answer, and neither the others' nor the worker.
    """
    try:
        return list(_score_group(group, rows))
    except ModelFailed as error:
        if len(group.candidates) == 1:
            return [_failed(group.routed, group.candidates[0], error)]
    return [answer for alone, own in one_by_one(group, rows) for answer in _answered(alone, own)]


def _score_group(group: Group, rows: Encoded) -> Iterator[Answer]:
    routed, bundle = group.routed, group.routed.bundle
    try:
        scores = bundle.score(rows.matrix)
    except Exception as error:  # onnxruntime's and scikit-learn's own share no narrower base
        raise ModelFailed from error
    labels = bundle.labels(scores)
    values = scores.tolist()
    sums = values if scores.ndim == 1 else scores.sum(axis=1).tolist()
    finite = all(map(math.isfinite, sums))
    route = _way(routed)
    version, task, names = bundle.version, bundle.task, answer_names(bundle.task, bundle.target)
    single, ways = single_result(bundle.target, task), tuple(route.values())
    ends_of, binary, mirrors = _ENDS[task], task == "binary", routed.mirrors
    start = 0
    for candidate in group.candidates:
        request = candidate.request
        end = start + len(request.rows)
        if rows.errors and (fields := _fields(rows, start, end, request.many)):
            yield _invalid(candidate, fields, _summary(bundle, fields), route)
        elif not (finite or all(map(math.isfinite, sums[start:end]))):
            yield Answer(
                candidate,
                "error",
                {**route, "error": no_answer(candidate, version, "answered with no number")},
                version,
                "model_failed",
            )
        elif request.many:
            answers = [dict(zip(names, ends_of(values[i], labels[i]), strict=True)) for i in range(start, end)]
            yield Answer(candidate, "ok", {**route, "rows": answers}, version, None, rows.rows[start:end], mirrors)
        else:
            p, label = values[start], labels[start]
            ends = ((1.0 - p, p), p, 100.0 * p, label) if binary else ends_of(p, label)
            outcome = single(candidate.request_id, request.entity, "ok", *ways, *ends)
            yield Answer(candidate, "ok", outcome, version, None, (rows.rows[start],), mirrors)
        start = end


def _way(routed: Routed) -> dict[str, Any]:
    """What a result says of who answered."""
    return {
        "model": routed.bundle.name,
        "model_version": routed.bundle.version,
        "strategy": routed.strategy,
        "arm": routed.arm,
        "route_epoch": routed.epoch,
    }


def _failed(routed: Routed, candidate: Candidate, error: ModelFailed) -> Answer:
    if isinstance(error.__cause__, MemoryError):  # which says nothing of the rows
        raise error.__cause__
    version = routed.bundle.version
    outcome = {**_way(routed), "error": no_answer(candidate, version, "failed", error.__cause__)}
    return Answer(candidate, "error", outcome, version, "model_failed")


def _binary(p: float, label: ClassLabel | None) -> tuple[Any, ...]:
    return (1.0 - p, p), p, 100.0 * p, label


def _multiclass(probabilities: list[float], label: ClassLabel | None) -> tuple[Any, ...]:
    return probabilities, max(probabilities), label


def _regression(value: float, label: ClassLabel | None) -> tuple[Any, ...]:
    return (value,), value


_ENDS: Mapping[Task, Callable[[Any, ClassLabel | None], tuple[Any, ...]]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
}
"""The values of `schemas.answers.ANSWER` for one row."""


def _fields(encoded: Encoded, start: int, end: int, many: bool) -> list[FieldError]:
    return [
        FieldError(f"rows[{i - start}].{item.field}" if many else item.field, item.reason, item.got)
        for i in range(start, end)
        for item in encoded.errors.get(i, ())
    ]


def _summary(bundle: Bundle, fields: Sequence[FieldError]) -> str:
    count = len(fields)
    return f"{count} field{'s' if count > 1 else ''} not as model {bundle.name} {bundle.version} needs them"


def _invalid(
    item: Candidate, fields: Sequence[FieldError], message: str, route: Mapping[str, Any] | None = None
) -> Answer:
    error = refusal("invalid_request", message, fields=named(fields))
    version = (route or {}).get("model_version", "")
    return Answer(item, "invalid", {**(route or {}), "error": error}, version, "invalid_request")
