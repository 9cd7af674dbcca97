"""What a stage has counted of each version, saved once all that it led to is delivered; a restart reads the rest
again."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from agents.drift_messages import HEADERS, Version, version_key
from schemas.message import Batch, Emission, Record

States = Callable[[], Awaitable[Mapping[bytes, bytes]]]
"""The last state that was saved of each version, whoever did, as of now. Raises Unavailable."""


@dataclass(slots=True)
class Unsaved:
    """What no saved state of a version counts. first: of each partition, the offset of the first such record.

    due: whether it is time to save; saving: the state that the next delivery saves.
    """

    first: dict[int, int] = field(default_factory=dict)
    due: bool = False
    saving: bytes | None = None

    def add(self, record: Record) -> None:
        """This record is counted from now on."""
        self.first.setdefault(record.partition, record.offset)


class Kept(Protocol):
    """What is counted of one version."""

    @property
    def unsaved(self) -> Unsaved: ...

    def saved(self) -> bytes:
        """All of it."""
        ...


K = TypeVar("K", bound=Kept)


@dataclass(slots=True)
class Saving(Generic[K]):
    """The versions that a stage follows. Its batches are to be delivered one after the other.

    topic: where states are saved. prefix: of their keys. every: how far what is read again may be behind.
    """

    states: States
    topic: str
    every: int
    prefix: bytes = b""
    followed: MutableMapping[Version, K] = field(default_factory=dict)
    _next: dict[int, int] = field(default_factory=dict)
    _known: dict[bytes, bytes] = field(default_factory=dict)
    _delivery: object = None

    async def taken_over(self, records: Sequence[Record]) -> set[int]:
        """The partitions that are not read on from where they were: others may have counted meanwhile.

        Raises Unavailable.
        """
        first: dict[int, int] = {}
        for record in records:
            first.setdefault(record.partition, record.offset)
        gone = {partition for partition, offset in first.items() if self._next.get(partition) != offset}
        if gone:
            self._known = dict(await self.states())
        return gone

    def known(self, version: Version) -> bytes | None:
        """What was saved of a version that is followed from now on."""
        return self._known.pop(self._key(version), None)

    def passed(self, record: Record) -> None:
        """This record is passed over."""
        self._next[record.partition] = record.offset + 1

    def delivered(self, batch: Batch) -> Iterator[Emission]:
        """The states that earlier batches led to, now that their events are delivered."""
        if batch.needed is self._delivery:  # parts of one batch, which are delivered together
            return
        self._delivery = batch.needed
        for version, kept in self.followed.items():
            unsaved = kept.unsaved
            if unsaved.saving is not None:
                yield Emission(self.topic, self._key(version), unsaved.saving, HEADERS)
                unsaved.saving, unsaved.first = None, {}

    def keep(self, batch: Batch) -> None:
        """Once the batch is counted: save what is due, and have a restart read what no saved state counts."""
        ends = batch.last_offsets()
        self._next.update({partition: last + 1 for partition, last in ends.items()})
        for kept in self.followed.values():
            unsaved = kept.unsaved
            behind = max((ends.get(partition, first) - first for partition, first in unsaved.first.items()), default=0)
            if unsaved.due or unsaved.saving is not None or behind >= self.every:
                unsaved.saving, unsaved.due = kept.saved(), False
            for partition, first in unsaved.first.items():
                batch.needed[partition] = min(first, batch.needed.get(partition, first))

    def _key(self, version: Version) -> bytes:
        return self.prefix + version_key(version)
