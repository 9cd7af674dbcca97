"""Header names that are no text: aiokafka would raise at them, for ever, and so stop the partition they lie in.

Kafka calls the names strings and checks nothing; one producer's mistake must not end every reader. Such a name is read
with replacement characters, and then it is a header that nobody knows.
"""

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class KeptRecords(MemoryRecords):  # type: ignore[misc]
    """A fetched part of the log, with the bytes that it is read from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class TolerantRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Reads on past what aiokafka's compiled reader stops at, with its Python one."""

    _records: Any

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except UnicodeDecodeError:
            # What was handed out already lies below next_fetch_offset and is passed over.
            self._records = _TolerantLog(self._records.data)
            self._records_iterator = self._unpack_records()
            return super().__next__()


class _TolerantLog:
    """A part of the log as PartitionRecords asks for it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._slices = _MemoryRecordsPy(data)
        self.has_next = self._slices.has_next

    def next_batch(self) -> Any:
        slice_, batch = self._slices._next_slice, self._slices.next_batch()
        return _TolerantBatch(slice_) if slice_ is not None and batch.magic >= 2 else batch


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
    """Make every aiokafka consumer of this process read such records; once is enough, twice does no harm."""
    fetcher.MemoryRecords = KeptRecords
    fetcher.PartitionRecords = TolerantRecords
