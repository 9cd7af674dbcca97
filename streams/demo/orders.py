"""Simulated customers as requests, each with the truth that the simulator knows."""

import secrets
from typing import Any, NamedTuple

from models.churn import CHURN, LABEL
from models.simulate import simulate_customers
from models.tabular import rows_of
from streams.client import Ask

SEED = 2026


class Order(NamedTuple):
    """One request to send. label: whether the customer really leaves."""

    request_id: str
    entity: str
    features: dict[str, Any]
    label: int

    @property
    def ask(self) -> Ask:
        return Ask(self.features, self.entity, None, self.request_id)


class Orders:
    """Hands out one simulated customer after the other, under ids that no other run has."""

    def __init__(self, count: int) -> None:
        frame = simulate_customers(count, SEED)
        self._customers = zip(rows_of(frame, CHURN), frame[LABEL].tolist(), strict=True)
        self._run = secrets.token_hex(4)
        self._number = 0

    def take(self) -> Order:
        features, label = next(self._customers)
        self._number += 1
        return Order(f"demo-{self._run}-{self._number}", f"c-{self._number}", features, label)
