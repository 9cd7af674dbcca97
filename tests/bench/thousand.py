"""A process that watches a model of 1000 features, and prints what memory that took beside its libraries."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import orjson
import psutil

from agents.sketching import Watched
from models.drift import reference_of
from models.profile import reference_profile
from models.signature import Feature, Signature
from schemas.message import Record
from tests.agents.scorer import NOW
from tests.bench.drifting import PARTITIONS, ROW_MS, WINDOW, Monitor
from tests.bench.place import ROOT

FEATURES, BATCH, KEYS = 1000, 100, 4
TRAINED = 3000


def known() -> Watched:
    names = [f"x{i}" for i in range(FEATURES)]
    signature = Signature(tuple(Feature(name, "float") for name in names), "y")
    random = np.random.default_rng(1)
    matrix = random.normal(size=(TRAINED, FEATURES)).astype(np.float32)
    reference = reference_of(signature, reference_profile(signature, matrix, random.uniform(size=TRAINED)))
    assert reference is not None
    return Watched(signature, reference)


def batches(signature: Signature, count: int) -> Iterator[list[Record]]:
    random = np.random.default_rng(2)
    for first in range(0, count, BATCH):
        rows = random.normal(size=(BATCH, FEATURES)).tolist()
        records = [_result(signature, first + i, row) for i, row in enumerate(rows)]
        yield sorted(records, key=lambda one: (one.partition, one.offset))


def _result(signature: Signature, number: int, row: list[float]) -> Record:
    at = (NOW + timedelta(milliseconds=number * ROW_MS)).isoformat()
    body = {
        "request_id": f"r-{number}",
        "entity": "c",
        "status": "ok",
        "model": "m",
        "model_version": "v1",
        "requested_at": at,
        "scored_at": at,
        "key_id": f"key{number % KEYS}",
        "predictions": [0.4, 0.6],
        "features": dict(zip(signature.names, row, strict=True)),
    }
    return Record("results", number % PARTITIONS, number // PARTITIONS, 0, b"c", orjson.dumps(body), ())


async def watch(rows: int) -> float:
    """MiB at most."""
    model = known()
    monitor = Monitor(model)
    most = 0.0
    for records in batches(model.signature, rows):
        await monitor.read(records)
        most = max(most, resident_mib())
    assert monitor.windows == rows // WINDOW
    return most


def resident_mib() -> float:
    """Now: what a process had at most it inherits from the one that started it."""
    return float(psutil.Process().memory_info().rss / 2**20)


def thousand_mib(rows: int) -> float:
    """What a process that watches so many rows has resident on top of its libraries."""
    command = [sys.executable, "-m", "tests.bench.thousand", str(rows)]
    return float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout)


if __name__ == "__main__":
    before = resident_mib()
    print(asyncio.run(watch(int(sys.argv[1]))) - before)
