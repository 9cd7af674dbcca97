"""Requests that cannot be answered: each ends in one terminal event and one dead letter."""

import asyncio
import time

from infra.kafka import client_options, publish
from schemas.signing import signing_key
from streams.demo.cast import DemoKey
from streams.demo.ledger import Ledger
from streams.demo.orders import Order
from streams.demo.senders import ByHttp
from streams.requests import signed_request
from streams.settings import Settings
from streams.topics import PREDICTION_REQUESTS


async def send_invalid(caller: ByHttp, order: Order) -> None:
    """Features that the model's signature does not allow: 422, naming each of them."""
    caller.ledger.unreadable.add(order.request_id)
    await caller.predict(order._replace(features={**order.features, "email_open_rate": 1.7, "total_orders": "many"}))


async def send_malformed(settings: Settings, key: DemoKey, ledger: Ledger, order: Order) -> None:
    """A signed record that is no JSON, straight to Kafka."""
    record = signed_request(
        settings.topic(PREDICTION_REQUESTS.name),
        b'{"entity": "%b", "features": {"total_orders": 3,' % order.entity.encode(),
        entity=order.entity,
        request_id=order.request_id,
        key_id=key.key_id,
        signing_key=signing_key(key.api_key),
        now_ms=time.time_ns() // 1_000_000,
    )
    ledger.unreadable.add(order.request_id)
    ledger.sent([order.request_id], "kafka", "malformed")
    await asyncio.to_thread(
        publish, client_options(settings), record.topic, [(record.key, record.value, record.headers)]
    )
