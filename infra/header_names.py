"""Header names that are no text: aiokafka would raise at them, for ever, and so stop the partition they lie in.

Kafka calls the names strings and checks nothing; one producer's mistake must not end every reader. Such a name is read
with replacement characters, and then it is a header that nobody knows.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """A fetched part of the log, with the bytes that it is read from and the batch that is being read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data
        self.batch: Any = None

    def next_batch(self) -> Any:
        self.batch = super().next_batch()
        return self.batch


class TolerantRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Reads on past what aiokafka's readers stop at."""

    _records: Any

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except (UnicodeDecodeError, CorruptRecordException) as error:
            # The reader written in Python wraps what the compiled one raises.
            if isinstance(error, CorruptRecordException) and not isinstance(error.__cause__, UnicodeDecodeError):
                raise
            self._records = _TolerantLog(self._records.data, self.next_fetch_offset)
            yield from super()._unpack_records()


class _TolerantLog:
    """A part of the log from an offset on, as PartitionRecords asks for it.

    Batches that were handed out are left out: the end of each would set the next offset back.
    """

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.batch: Any = None
        self._left = deque(batch for batch in _batches(data) if batch.next_offset > start)

    def has_next(self) -> bool:
        return bool(self._left)

    def next_batch(self) -> Any:
        self.batch = self._left.popleft()
        return self.batch


def _batches(data: bytes) -> Iterator[Any]:
    slices = _MemoryRecordsPy(data)
    while slices.has_next():
        slice_, batch = slices._next_slice, slices.next_batch()
        yield _TolerantBatch(slice_) if batch.magic >= 2 else batch


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: Any

    def __iter__(self) -> Any:
        records = super().__iter__()
        self._buffer = _Readable(self._buffer)
        return records


class _Readable(bytearray):
    """Its parts decode as text whatever they hold; aiokafka takes keys and values out as plain bytes."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Readable(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


def tolerate_header_names() -> None:
    """Make every aiokafka consumer of this process read such records; part of `infra.inflation.guard_readers`."""
    fetcher.MemoryRecords = KeptRecords
    fetcher.PartitionRecords = TolerantRecords
