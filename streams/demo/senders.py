"""The two ways in, each noting every request in the ledger before it goes out."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from streams.client import WeirClient
from streams.demo.cast import DemoKey
from streams.demo.ledger import Ledger
from streams.demo.orders import Order

ANSWER_S = 30.0
UNSENT = (500, 503)
"""Answers that leave open whether the request was sent."""


@dataclass(frozen=True, slots=True)
class ByHttp:
    """A caller of the gateway."""

    http: httpx.AsyncClient
    key: DemoKey
    role: str
    ledger: Ledger

    async def predict(self, order: Order) -> bool:
        """Whether it was answered with a prediction."""
        self.ledger.sent([order.request_id], "http", self.role)
        body = {"entity": order.entity, "features": order.features}
        response = await self.http.post("/predict", json=body, headers=self._headers(order))
        code = response.status_code
        self.ledger.codes[code] += 1
        if code in UNSENT:
            self.ledger.failures.append(f"{order.request_id} was answered with {code}")
        if code == httpx.codes.UNAUTHORIZED:
            self.ledger.turn_away(order.request_id)
        if code == httpx.codes.OK:
            self.ledger.answer(order.request_id)
        return code == httpx.codes.OK

    async def tell(self, order: Order) -> None:
        """Send the truth about an order."""
        truth = {"request_id": order.request_id, "label": order.label, "source": "demo"}
        response = await self.http.post("/feedback", json=truth, headers=self._headers(order))
        if response.status_code == httpx.codes.ACCEPTED:
            self.ledger.labels.add(order.request_id)
        else:
            self.ledger.failures.append(f"the label of {order.request_id} was answered with {response.status_code}")

    def _headers(self, order: Order) -> dict[str, str]:
        return {"X-API-Key": self.key.api_key, "Idempotency-Key": order.request_id}


@dataclass(frozen=True, slots=True)
class ByKafka:
    """A producer straight to Kafka, with the client that upstream services use."""

    client: WeirClient
    role: str
    ledger: Ledger

    async def predict(self, order: Order, timeout_s: float = ANSWER_S) -> bool:
        """Whether it was answered with a prediction. Raises TimeoutError without a reply in time."""
        self.ledger.sent([order.request_id], "kafka", self.role)
        result = await self.client.predict(**order.ask._asdict(), timeout=timeout_s)
        if result.status == "ok":
            self.ledger.answer(order.request_id)
        return result.status == "ok"

    async def submit(self, orders: Sequence[Order], way: str = "kafka") -> None:
        """Send without waiting for replies."""
        self.ledger.sent([order.request_id for order in orders], way, self.role)
        await self.client.submit_many([order.ask for order in orders])

    async def tell(self, order: Order) -> None:
        """Send the truth about an order."""
        await self.client.feedback(order.request_id, order.label, source="demo")
        self.ledger.labels.add(order.request_id)
