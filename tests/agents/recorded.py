"""Results as they lie on the topic, made by the scorer's own stage from bundles of tiny graphs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from agents.answer import Scorer as Stage
from agents.ending import Outlets
from models.bundle import Bundle
from schemas.recorded import Recorded, read_recorded
from tests.agents.scorer import FakeCounters, FakeKeys, FakeLimiter, batch, clock, record
from tests.models.routing.plans import champions

ROWS = [{f"f{i}": value for i, value in enumerate(row)} for row in np.linspace(-2, 2, 24).reshape(8, 3).tolist()]


async def results(bundle: Bundle, asked: Sequence[Any]) -> list[bytes]:
    """One for each request: a row, or a list of rows."""
    outlets = Outlets("results", "replies", "dead-letters", 4, "mirrored")
    stage = Stage(FakeKeys(), FakeLimiter(), champions({"m": bundle}), clock, FakeCounters(), outlets)
    values = [{"entity": "c-42", "rows" if isinstance(one, list) else "features": one} for one in asked]
    emitted = await stage(batch(*(record(value, offset=i) for i, value in enumerate(values))))
    return [emission.value or b"" for emission in emitted if emission.topic == "results"]


async def recorded(bundle: Bundle, asked: Sequence[Any]) -> list[Recorded]:
    return [read_recorded(value) for value in await results(bundle, asked)]


def answered(request_id: str, predictions: Sequence[float], label: Any, **more: Any) -> Recorded:
    """A result that was never scored."""
    said = {"request_id": request_id, "status": "ok", "entity": "c-1", "model": "m", "model_version": "v0"}
    return read_recorded(
        orjson.dumps({**said, "predictions": predictions, "label": label, "features": ROWS[0], **more})
    )
