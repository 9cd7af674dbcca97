"""The sink's stages: results, labels and keys as they lie on their topics become rows."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from agents.in_parts import in_parts
from agents.label import read_label
from agents.ports import Counters, KeyRing, Store
from agents.result_rows import stored_rows
from agents.storable import storable
from agents.usual_result import usual_row
from schemas.dead_letter import dead_letter
from schemas.errors import InvalidRequest, Refused, Undecodable
from schemas.headers import read_headers
from schemas.keys import ApiKey
from schemas.message import Batch, Emission, Record
from schemas.result import PredictionResult
from schemas.stored import Position, RefusedRow, StoredPrediction

T = TypeVar("T")
Lost = tuple[Record, str, str]
"""What cannot be stored, the reason's code, and the reason for people."""
Message = TypeVar("Message", bound=BaseModel)


async def persist_results(batch: Batch, *, store: Store, counters: Counters, dead_letters: str) -> list[Emission]:
    """Store a batch of terminal events; what cannot be read or stored becomes a dead letter, and so does what has the
    request id of another key's."""

    async def stored(part: Batch) -> list[Lost]:
        results, lost = read_all(part.records, read_rows)
        rows = [(record, row) for record, found in results for row in found]
        refused = await store.save_predictions([row for _, row in rows], positions(part))
        return [*lost, *not_stored([record for record, _ in rows], refused)]

    return bury(await in_parts(batch, stored), counters, dead_letters)


async def persist_labels(
    batch: Batch, *, keys: KeyRing, store: Store, counters: Counters, dead_letters: str
) -> list[Emission]:
    """Store a batch of ground truth, each label beside its prediction, whichever came first.

    Only what a key with the permission `predict` has signed counts; the rest becomes dead letters.
    """
    labels, lost = read_all(batch.records, partial(read_label, keys=keys, counters=counters))
    refused = await store.save_labels([label for _, label in labels], positions(batch))
    return bury([*lost, *not_stored([record for record, _ in labels], refused)], counters, dead_letters)


async def persist_keys(batch: Batch, *, store: Store, counters: Counters, dead_letters: str) -> list[Emission]:
    """Store the last state of each key in a batch; a null value drops the key."""
    dropped = {record.key: record.offset for record in batch.records if record.value is None}
    written = [record for record in batch.records if record.value is not None]
    found, lost = read_all(written, read_key)
    keys = [(record, key) for record, key in found if record.offset > dropped.get(record.key, -1)]
    deleted = [(key_id or b"").decode(errors="replace") for key_id in dropped]
    refused = await store.save_keys([key for _, key in keys], deleted, positions(batch))
    return bury([*lost, *not_stored([record for record, _ in keys], refused)], counters, dead_letters)


def positions(batch: Batch) -> list[Position]:
    """The offset after the last record of each partition."""
    return [Position(batch.topic, partition, last + 1) for partition, last in batch.last_offsets().items()]


def read_rows(record: Record) -> Sequence[StoredPrediction]:
    """The rows of the terminal event in a record. Raises Undecodable."""
    usual = usual_row(record.value or b"")
    return (usual,) if usual is not None else stored_rows(read_result(record))


def read_result(record: Record) -> PredictionResult:
    """The terminal event in a record. Raises Undecodable.

    Not held to a request's size limit: a result repeats its request's features. A NUL character, which
    Postgres stores nowhere, reads as U+FFFD.
    """
    return _parse(PredictionResult, storable(record.value or b""))


def read_key(record: Record) -> ApiKey:
    """The key in a record. Raises Undecodable."""
    return _parse(ApiKey, record.value or b"")


def _parse(form: type[Message], value: bytes) -> Message:
    if not value:
        raise Undecodable("empty", f"an empty record is no {form.__name__}")
    try:
        return form.model_validate_json(value)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        reason = "not_json" if wrong[0]["type"] == "json_invalid" else "invalid"
        places = ", ".join(".".join(map(str, item["loc"])) or "body" for item in wrong[:10])
        raise Undecodable(reason, f"not a {form.__name__}: {places}: {wrong[0]['msg']}") from None


def read_all(records: Sequence[Record], read: Callable[[Record], T]) -> tuple[list[tuple[Record, T]], list[Lost]]:
    """What the records hold, and those that hold nothing of the kind."""
    found: list[tuple[Record, T]] = []
    lost: list[Lost] = []
    for record in records:
        try:
            if not record.value:
                read_headers(record.headers)  # which may say that it stands for more
            found.append((record, read(record)))
        except Undecodable as error:
            lost.append((record, error.reason, str(error)))
        except InvalidRequest as error:
            lost.append((record, "invalid", _in_full(error)))
        except Refused as error:
            lost.append((record, error.status, str(error)))
    return found, lost


def _in_full(error: InvalidRequest) -> str:
    fields = "; ".join(f"{field.field} {field.reason}" for field in error.fields)
    return f"{error}: {fields}" if fields else str(error)


def not_stored(records: Sequence[Record], refused: Sequence[RefusedRow]) -> Iterator[Lost]:
    """One dead letter per record, however many of its rows were refused."""
    reasons: dict[tuple[int, int], tuple[Record, RefusedRow]] = {}
    for row in refused:
        record = records[row.index]
        reasons.setdefault((record.partition, record.offset), (record, row))
    for record, row in reasons.values():
        yield record, row.code, row.reason


def bury(lost: Sequence[Lost], counters: Counters, dead_letters: str) -> list[Emission]:
    """A dead letter for each, counted."""
    for code, count in Counter(code for _, code, _ in lost).items():
        counters.dead_letters(code, count)
    return [dead_letter(dead_letters, record, code, reason) for record, code, reason in lost]
