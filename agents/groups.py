"""The requests of a batch by who answers them, and their rows as the models read them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agents.candidate import Candidate
from models.features import Encoded, encode
from models.routing import Routed


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Requests that are answered in one way. indexes: where they stand in their batch."""

    routed: Routed
    indexes: list[int] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    def sizes(self) -> list[int]:
        """How many rows each request has."""
        return [len(candidate.request.rows) for candidate in self.candidates]


def encoded(groups: Iterable[Group], unseen: Counter[str]) -> Iterator[tuple[Group, Encoded]]:
    """Each group with its rows; those of versions that read the same features are encoded in one pass.

    unseen: gets the categories that no model had seen in training.
    """
    waiting = list(groups)
    while waiting:
        signature = waiting[0].routed.bundle.signature
        alike: list[Group] = []
        others: list[Group] = []
        for group in waiting:
            is_alike = group.routed.bundle.signature.features == signature.features
            (alike if is_alike else others).append(group)
        rows = [row for group in alike for candidate in group.candidates for row in candidate.request.rows]
        together, start, waiting = encode(signature, rows), 0, others
        unseen.update(together.unseen)
        for group in alike:
            end = start + sum(group.sizes())
            yield group, together.part(start, end)
            start = end


def one_by_one(group: Group, rows: Encoded) -> Iterator[tuple[Group, Encoded]]:
    """Each request of a group as a group of its own, with its rows."""
    start = 0
    for index, candidate, size in zip(group.indexes, group.candidates, group.sizes(), strict=True):
        yield Group(group.routed, [index], [candidate]), rows.part(start, start + size)
        start += size
