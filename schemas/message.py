"""What a stage is given and what it returns: raw records in, emissions out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

Headers = Sequence[tuple[str, bytes]]


class Record(NamedTuple):
    """One record as the broker holds it. The hosts pass aiokafka's own records on, which have these attributes too.

    timestamp: broker or producer time, epoch milliseconds.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic, in offset order within each partition.

    share: this worker's part of the topic's partitions, 0..1. needed: partition -> the first offset that its stage
    reads again after a restart, where it keeps in memory what it made of earlier records.
    """

    topic: str
    records: Sequence[Record]
    share: float = 1.0
    needed: dict[int, int] = field(default_factory=dict)

    def last_offsets(self) -> dict[int, int]:
        """The highest offset of each partition in the batch."""
        return {record.partition: record.offset for record in self.records}

    def ends(self) -> dict[int, int]:
        """partition -> what may be committed once all of the batch is delivered."""
        needed = self.needed
        ends = {partition: last + 1 for partition, last in self.last_offsets().items()}
        return {partition: min(end, needed.get(partition, end)) for partition, end in ends.items()} if needed else ends


class Emission(Struct, frozen=True, gc=False):
    """One record to publish; without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers = ()
    partition: int | None = None
