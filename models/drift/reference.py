"""The references of a model version, read from its signature and the manifest's profile."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from models.drift.base import FeatureReference, Subject
from models.drift.layout import Layout
from models.grid import Floats, below
from models.profile import ANSWERS, Profile, answer_feature
from models.signature import Feature, Signature

Known = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Reference:
    """features: in the signature's order. answer: of the model's answers, None where training kept none."""

    features: tuple[FeatureReference, ...]
    answer: FeatureReference | None = None

    @cached_property
    def columns(self) -> tuple[FeatureReference, ...]:
        return self.features if self.answer is None else (*self.features, self.answer)

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.columns)

    @cached_property
    def digest(self) -> bytes:
        """16 bytes that are the same for the same cells: only sketches with the same ones can be merged."""
        seal = hashlib.sha256()
        for column in self.columns:
            cells = [column.subject, column.name, column.kind, *column.categories]
            seal.update("\0".join(map(repr, cells)).encode() + column.edges.tobytes() + column.unit.hex().encode())
        return seal.digest()[:16]


def reference_of(signature: Signature, profile: Profile | None) -> Reference | None:
    """None for a model without a profile, whose training nobody here saw.

    profile: a manifest's, of any age. A feature whose part is missing or makes no sense has a reference of no rows,
    which its verdict tells.
    """
    if profile is None:
        return None
    features = tuple(_read(feature, profile.get(feature.name), "feature") for feature in signature.features)
    answers = profile.get(ANSWERS)
    return Reference(features, None if answers is None else _read(answer_feature(signature), answers, "prediction"))


def _read(feature: Feature, known: Known | None, subject: Subject) -> FeatureReference:
    try:
        if known is not None:
            with np.errstate(over="ignore"):
                return _category(feature, known, subject) if feature.type == "str" else _number(feature, known, subject)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        pass  # what makes no sense is no reference
    return _without(feature, subject)


def _without(feature: Feature, subject: Subject) -> FeatureReference:
    edges = np.zeros(0 if feature.type == "str" else 1, dtype=np.float32)
    counts = np.zeros(len(feature.categories) + 1 if feature.type == "str" else 2, dtype=np.int64)
    kind = "category" if feature.type == "str" else "number"
    return FeatureReference(feature.name, subject, kind, counts, edges, feature.categories)  # type: ignore[arg-type]


def _category(feature: Feature, known: Known, subject: Subject) -> FeatureReference:
    counts = _whole_numbers([known["unseen"], *(known["counts"].get(name, 0) for name in feature.categories)])
    return FeatureReference(
        feature.name,
        subject,
        "category",
        counts,
        np.zeros(0, dtype=np.float32),
        feature.categories,
        missing=int(known["missing"]),
    )


def _number(feature: Feature, known: Known, subject: Subject) -> FeatureReference:
    whole = feature.type == "int"
    fine = known.get("grid")
    edges = np.array(fine["edges"], dtype=np.float32) if fine else _older(known, whole)
    inner = _whole_numbers((fine or known)["counts"])
    std = float(known["std"])
    if not (np.isfinite(edges).all() and (np.diff(edges) >= 0).all() and np.isfinite(std) and len(edges)):
        raise ValueError("edges must be finite and rise")
    if len(inner) != len(edges) - 1:
        raise ValueError("a count for each cell")
    counts = np.concatenate([[0], inner, [0]])
    distinct, missing = known.get("distinct"), int(known["missing"])
    if distinct == 0:
        raise ValueError("no row had a value")
    return FeatureReference(feature.name, subject, "number", counts, edges, (), whole, max(std, 0.0), distinct, missing)


def _older(known: Known, whole: bool) -> Floats:
    """The edges of a manifest without the finer grid; between doubles and the next float32 below lies no value."""
    inner = np.array([*known["edges"], known["maximum"]], dtype=np.float64)
    edges = inner.astype(np.float32)
    edges = np.where(edges > inner, np.nextafter(edges, np.float32(-np.inf)), edges)
    return np.concatenate([below(np.array([known["minimum"]], dtype=np.float32), whole), edges])


def _whole_numbers(counts: Any) -> npt.NDArray[np.int64]:
    found = np.array(list(_checked(counts)), dtype=np.int64)
    if not len(found) or not 0 < int(found.sum()) < 2**53:
        raise ValueError("rows must be counted")
    return found


def _checked(counts: Any) -> Iterator[int]:
    for count in counts:
        if type(count) is not int or not 0 <= count < 2**53:
            raise ValueError("a count must be 0 or more")
        yield count
