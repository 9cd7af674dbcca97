"""What a part of the log may become in memory: a batch that is inflated, and the records of one poll.

The broker holds batches to their size as compressed, and aiokafka inflates each whole before anybody sees a record: a
few hundred KB, from whoever may write to the topic, would be gigabytes. One batch beyond the limit is read as one
record that stands for it.
"""

import gzip
import io
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cramjam
from aiokafka import codec
from aiokafka.consumer import fetcher
from msgspec import Struct

from infra.header_names import TolerantRecords, tolerate_header_names
from schemas.errors import Undecodable
from schemas.headers import UNREAD
from schemas.message import Headers

MAX_INFLATED_BYTES = 16 * 1024 * 1024
MAX_POLL_BYTES = 4 * 1024 * 1024
"""Of one partition, the record that passes it included: it bounds a batch's time in its stage."""

ROOM_BYTES, USUAL_RATIO = 64 * 1024, 8
_NO_ROOM = "failed to write whole buffer"
_XERIAL_HEADER_BYTES = 16


class ReadRecord(Struct, gc=False):
    """Stands for aiokafka's ConsumerRecord, which takes four times as long to make."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    headers: Headers


class _Inflated:
    """Counts the bytes that this process inflated, or refused to."""

    count = 0


class BoundedRecords(TolerantRecords):
    """Puts one record in place of a batch that would be too large."""

    def _unpack_records(self) -> Iterator[Any]:
        while True:
            try:
                yield from super()._unpack_records()
                return
            except Undecodable as error:
                batch, why = self._records.batch, str(error)
            self.next_fetch_offset = batch.next_offset
            yield _stand_in(self._tp, batch, f"offsets {batch.base_offset} to {batch.next_offset - 1}: {why}")

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        """As aiokafka makes it where there is nothing to deserialise, as there never is here."""
        key, value = record.key, record.value
        return ReadRecord(
            tp.topic,
            tp.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            key,
            value,
            record.checksum,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            record.headers,
        )


def _stand_in(tp: Any, batch: Any, why: str) -> Any:
    return ReadRecord(
        tp.topic, tp.partition, batch.next_offset - 1, -1, 0, None, b"", None, -1, 0, ((UNREAD, why.encode()),)
    )


class BoundedResult(fetcher.FetchResult):  # type: ignore[misc]
    """Hands over what has come of a partition in parts, by count and by bytes."""

    _partition_records: Any

    def getall(self, max_records: int | None = None) -> list[Any]:
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        records: list[Any] = []
        most = _Inflated.count + MAX_POLL_BYTES
        for record in self._partition_records._records_iterator:
            records.append(record)
            most -= record.serialized_value_size
            if len(records) == max_records or _Inflated.count >= most:
                self._update_position()
                return records
        self._update_position()
        self._partition_records = None
        return records


def _gzip(data: Any) -> bytes | None:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        inflated = file.read(MAX_INFLATED_BYTES + 1)
    return None if len(inflated) > MAX_INFLATED_BYTES else inflated


def _snappy(data: Any) -> bytes | None:
    return None if _snappy_bytes(data) > MAX_INFLATED_BYTES else codec.snappy_decode(data)


def _snappy_bytes(data: Any) -> int:
    """What it becomes: snappy says so before each block, and holds to it."""
    if not codec._detect_xerial_stream(data):
        return int(cramjam.snappy.decompress_raw_len(data))
    size, at = 0, _XERIAL_HEADER_BYTES
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        size += cramjam.snappy.decompress_raw_len(data[at + 4 : at + 4 + length])
        at += 4 + length
    return size


def _into_room(inflate_into: Callable[[Any, Any], int], data: Any) -> bytes | None:
    """For formats that do not tell before what they become: first into as much room as most take, then into all."""
    for room in sorted({min(ROOM_BYTES + USUAL_RATIO * len(data), MAX_INFLATED_BYTES), MAX_INFLATED_BYTES}):
        into = bytearray(room)
        try:
            return bytes(memoryview(into)[: inflate_into(data, into)])
        except cramjam.DecompressionError as error:
            if _NO_ROOM not in str(error):
                raise
    return None


def _bounded(inflate: Callable[[Any], bytes | None]) -> Callable[[Any], bytes]:
    def decode(data: Any) -> bytes:
        inflated = inflate(data)
        _Inflated.count += MAX_INFLATED_BYTES if inflated is None else len(inflated)
        if inflated is None:
            raise Undecodable("too_large", f"the batch has more than {MAX_INFLATED_BYTES} bytes when inflated")
        return inflated

    return decode


_DECODERS = {
    "gzip_decode": _bounded(_gzip),
    "snappy_decode": _bounded(_snappy),
    "lz4_decode": _bounded(partial(_into_room, cramjam.lz4.decompress_into)),
    "zstd_decode": _bounded(partial(_into_room, cramjam.zstd.decompress_into)),
}


def guard_readers() -> None:
    """Make every aiokafka consumer of this process read whatever lies in the log, in memory that is bounded.

    Once is enough, twice does no harm.
    """
    tolerate_header_names()
    fetcher.PartitionRecords = BoundedRecords
    fetcher.FetchResult = BoundedResult
    # Its readers, compiled and in Python, took the decoders over by name.
    for module in [module for name, module in sys.modules.items() if name.startswith("aiokafka.record.")]:
        for name in _DECODERS.keys() & vars(module).keys():
            setattr(module, name, _DECODERS[name])
