"""Random answers, copies and truths of one model, as sinks may get them: again, late, in any order."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.database import PostgresStore
from schemas.errors import Unavailable
from schemas.shadow import SHADOW_CODES
from schemas.stored import Position, ReceivedLabel, RefusedRow, StoredPrediction, StoredShadow
from tests.infra.database.rows import label, prediction, shadow_row

TOPICS = ("results", "shadows", "feedback")
ENTITIES = 25


@dataclass(frozen=True)
class Delivery:
    """What comes in one record."""

    topic: str
    rows: Sequence[Any]


def traffic(chance: random.Random, model: str, requests: int) -> list[Delivery]:
    """In epochs 3 and 4; a request that is sent again is not routed by an older epoch."""
    found = [each for number in range(requests) for each in _of_request(chance, model, f"{model}-{number}")]
    chance.shuffle(found)
    return found


def batches(chance: random.Random, deliveries: Sequence[Delivery]) -> Iterator[Delivery]:
    """Of one topic each, of up to a dozen records."""
    left = list(deliveries)
    while left:
        size, topic = chance.randint(1, 12), left[0].topic
        batch = [each for each in left if each.topic == topic][:size]
        left = [each for each in left if each not in batch]
        yield Delivery(topic, [row for each in batch for row in each.rows])


async def save(store: PostgresStore, partition: int, batch: Delivery) -> list[RefusedRow]:
    """Again where two batches stood in each other's way, as a sink does."""
    saving: Any = {"results": store.save_predictions, "shadows": store.save_shadows, "feedback": store.save_labels}
    for _ in range(5):
        try:
            return list(await saving[batch.topic](batch.rows, [Position(batch.topic, partition, 1)]))
        except Unavailable as error:
            fault = error
    raise fault


def _of_request(chance: random.Random, model: str, request_id: str) -> Iterator[Delivery]:
    entity, rows = f"c-{chance.randrange(ENTITIES)}", chance.choice((1, 1, 2, 3))
    arm, version = chance.choice((("champion", "v1"), ("canary", "v2"), ("canary", "v2"), (None, None)))
    epochs = sorted(chance.choice((3, 4)) for _ in range(2))
    common = {"model": model, "entity": entity, "arm": arm, "model_version": version}
    statuses = chance.choice((("ok",), ("error",), ("error", "ok"), ("expired", "ok")))
    for status, epoch in zip(statuses, epochs, strict=False):
        yield Delivery("results", list(_answers(chance, request_id, rows, status, common | {"route_epoch": epoch})))
    for challenger in chance.choice(((), ("v2",), ("v2", "v3"))):
        yield Delivery("shadows", list(_copies(chance, request_id, rows, challenger, model, epochs[0])))
    for row in range(rows):
        for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
            yield Delivery("feedback", [_truth(chance, request_id, row)])


def _answers(
    chance: random.Random, request_id: str, rows: int, status: str, common: dict[str, Any]
) -> Iterator[StoredPrediction]:
    latency_ms = chance.lognormvariate(3.5, 1.0)
    for row in range(rows if status == "ok" else 1):
        changes = {"status": status, "row": row, "latency_ms": latency_ms, **common}
        if status == "ok":
            probability = chance.random()
            refused = chance.random() < 0.03
            changes |= {"predicted_probability": probability, "predicted_label": int(probability > 0.5)}
            changes |= {"risk_score": 101.0} if refused else {}
        yield prediction(request_id, **changes)


def _copies(
    chance: random.Random, request_id: str, rows: int, version: str, model: str, epoch: int
) -> Iterator[StoredShadow]:
    error = chance.choice(SHADOW_CODES) if chance.random() < 0.3 else None
    common = {"model": model, "route_epoch": epoch, "error": error}
    latency_ms = None if error else chance.lognormvariate(3.5, 1.0)
    is_labelled = chance.random() > 0.1
    for row in range(rows):
        champion, probability = chance.random(), None if error else chance.random()
        label = int(champion > 0.5)
        changes = {"champion_probability": champion, "champion_label": str(label), "probability": probability, **common}
        if probability is not None:
            changes["agrees"] = label == int(probability > 0.5) if is_labelled else None
        stored_version = version if chance.random() < 0.99 else "v" * 200
        yield shadow_row(request_id, row=row, version=stored_version, latency_ms=latency_ms, **changes)


def _truth(chance: random.Random, request_id: str, row: int) -> ReceivedLabel:
    return label(request_id, chance.randint(0, 1), chance.randrange(2**40), row=row)
