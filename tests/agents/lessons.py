"""A log of labelled predictions with all that a learner passes over, and what the rows were scored by."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from models.churn import CHURN
from models.tabular import rows_of
from schemas.labelled import RowKey
from schemas.wire import encode
from tests.models.retraining.conftest import drifted

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Log:
    """Of one model, in order: each row served by one of two versions, some tried by a challenger and some revised."""

    def __init__(self, seed: int, rows: int = 300, model: str = "churn", first: int = 0) -> None:
        self.model, self.random, self.first = model, Random(seed), first
        self.features: dict[RowKey, Any] = {}
        self.values: list[bytes] = []
        self._last: dict[str, int] = {}
        found = drifted(rows, seed)
        for number, (features, truth) in enumerate(zip(rows_of(found.frame, CHURN), found.truth.tolist(), strict=True)):
            self._row(f"r-{number}", features, truth)

    def _row(self, request_id: str, features: dict[str, Any], truth: int) -> None:
        self.features[request_id, 0] = features
        self.add(request_id, truth, self.random.choice(["v1", "v1", "v2"]))
        if self.random.random() < 0.2:
            self.add(request_id, truth, "v3", role="shadow")
        if self.random.random() < 0.1:
            self.add(request_id, 1 - truth, "v1", former_label=truth)

    def add(self, request_id: str, label: int, version: str, **changes: Any) -> None:
        number = self._last[version] = self._last.get(version, 0) + 1
        moment = (NOON + timedelta(seconds=self.first + len(self.values))).isoformat()
        row = {"series": "s", "number": number, "request_id": request_id, "row": 0, "entity": "c", "model": self.model}
        row |= {"model_version": version, "role": "served", "probability": 0.5, "predicted": "1", "label": label}
        row |= {"former_label": None, "label_source": "crm", "labelled_at": moment, "requested_at": moment}
        self.values.append(encode(row | {"scored_at": moment} | changes))

    def repeated(self) -> list[bytes]:
        """As a sender leaves it that was killed from time to time."""
        values: list[bytes] = []
        for place, value in enumerate(self.values):
            values.append(value)
            if self.random.random() < 0.05:
                values += self.values[max(0, place - self.random.randrange(20)) : place + 1]
        return values


def parts(values: Sequence[bytes], random: Random) -> list[Sequence[bytes]]:
    ends = sorted(random.randrange(len(values) + 1) for _ in range(random.randrange(40)))
    return [values[start:end] for start, end in zip([0, *ends], [*ends, len(values)], strict=True)]
