"""Large ONNX graphs piece by piece.

Protobuf holds the interpreter's lock while it reads a message, some 5 ms for a megabyte: a thread that answers requests
would stand still for all of it.

Source: "Encoding" of the Protocol Buffers documentation. Messages of one type, one after the other, are their merger.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

PIECE_BYTES = 128 * 1024
"""Smaller pieces are put together. A single attribute or tensor is never taken apart."""

_GRAPH, _FUNCTION, _NODE_OF_GRAPH, _NODE_OF_FUNCTION = 7, 25, 1, 7
_TAKEN_APART: Mapping[int, Any] = {_GRAPH: {_NODE_OF_GRAPH: {}}, _FUNCTION: {_NODE_OF_FUNCTION: {}}}
"""Of a ModelProto: fields whose messages are taken apart, and which fields of theirs are in turn."""
_SIZED = 2
"""The wire type of messages, text and packed numbers."""
_FIXED_BYTES = {1: 8, 5: 4}
_LONGEST_VARINT = 10


class _Field(NamedTuple):
    """Where a field begins, where its size stands if it has one, where its content begins, and where it ends."""

    number: int
    wire: int
    start: int
    size: int
    content: int
    end: int


def pieces(model: bytes) -> Iterator[bytes]:
    """A ModelProto as ModelProtos that hold its parts, each tensor and each attribute of a node whole in one of them.

    A node's attributes come in nodes of their own. Raises ValueError for bytes that are no message.
    """
    if len(model) <= PIECE_BYTES:
        yield model
        return
    waiting, size = list[bytes](), 0
    for part in _parts(memoryview(model), _TAKEN_APART):
        waiting.append(part)
        size += len(part)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _parts(message: memoryview, taken_apart: Mapping[int, Any]) -> Iterator[bytes]:
    """The message's fields, each by itself in as many messages around it as there are."""
    for field in _fields(message):
        if field.wire == _SIZED and field.number in taken_apart:
            tag = bytes(message[field.start : field.size])
            for part in _parts(message[field.content : field.end], taken_apart[field.number]):
                yield b"".join((tag, _varint_of(len(part)), part))
        else:
            yield bytes(message[field.start : field.end])


def _fields(message: memoryview) -> Iterator[_Field]:
    end = 0
    while end < len(message):
        start = end
        key, size = _varint(message, start)
        content, wire = size, key & 7
        if wire == 0:
            _, end = _varint(message, content)
        elif wire == _SIZED:
            length, content = _varint(message, size)
            end = content + length
        elif wire in _FIXED_BYTES:
            end = content + _FIXED_BYTES[wire]
        else:
            raise ValueError(f"wire type {wire}")
        if end > len(message):
            raise ValueError("the message ends early")
        yield _Field(key >> 3, wire, start, size, content, end)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = 0
    for place, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number does not end")


def _varint_of(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))
