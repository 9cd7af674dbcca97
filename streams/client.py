"""The client of upstream services: signed requests straight to Kafka, with replies or without."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple, Self

from infra.kafka import aiokafka_options, client_options
from schemas.errors import BadSettings, Unavailable
from schemas.feedback import read_feedback
from schemas.keys import looks_like_key
from schemas.message import Emission
from schemas.request import new_request_id
from schemas.result import PredictionResult
from schemas.signing import signing_key
from schemas.wire import encode
from streams.gateway.pending import Pending
from streams.gateway.replies import ReplyReader
from streams.producer import Producer
from streams.requests import Features, ReplyTo, check_entity, check_request_id, request_body, signed_request
from streams.settings import Settings
from streams.topics import FEEDBACK, PREDICTION_REPLIES, PREDICTION_REQUESTS

MAX_PENDING = 20_000
DELIVERY_S = 30.0
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{11}\Z")


class Ask(NamedTuple):
    """One prediction asked for.

    features: of one row, or a list of several rows' (answered together under `rows`). entity: whom it is about,
    the request id where it is left out. request_id: the same id twice is one request.
    """

    features: Features
    entity: str | None = None
    model: str | None = None
    request_id: str | None = None


class WeirClient:
    """Asks for predictions over Kafka.

        async with WeirClient("broker:9092", api_key=api_key, key_id="…") as client:
            result = await client.predict({"total_orders": 3, ...}, entity="c-42")

    api_key, key_id: both printed by `weir keys create`; the API key itself never leaves the process.
    settings: where SASL, TLS or a topic prefix are needed; `Settings.read(os.environ)` reads the environment.
    replies: False for a client that only submits, which then reads no topic.
    """

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        *,
        api_key: str,
        key_id: str,
        settings: Settings | None = None,
        replies: bool = True,
    ) -> None:
        _check_key(api_key, key_id)
        self._settings = settings = _settings(settings, bootstrap_servers)
        self._key_id = key_id
        self._signing_key = signing_key(api_key)
        self._requests = settings.topic(PREDICTION_REQUESTS.name)
        self._producer = Producer(client_options(settings))
        self._replies: ReplyReader | None = None
        if replies:
            topic = settings.topic(PREDICTION_REPLIES.name)
            self._replies = ReplyReader(aiokafka_options(settings), topic, Pending(MAX_PENDING))

    async def __aenter__(self) -> Self:
        """Connect. Raises Unavailable where the broker or the replies topic is missing."""
        if self._replies is not None:
            await self._replies.start()
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        if self._replies is not None:
            await self._replies.stop()

    async def predict(
        self,
        features: Features,
        *,
        entity: str | None = None,
        model: str | None = None,
        request_id: str | None = None,
        timeout: float = 10.0,  # noqa: ASYNC109 - it travels as the request's deadline too
    ) -> PredictionResult:
        """The result, whatever its status. Raises TimeoutError without a reply in `timeout` seconds, Unavailable,
        InvalidRequest."""
        [result] = await self.predict_many([Ask(features, entity, model, request_id)], timeout=timeout)
        if result is None:
            raise TimeoutError(f"no reply within {timeout:g} s: retry with the same request_id")
        return result

    async def predict_many(
        self,
        asks: Sequence[Ask],
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - as in predict
    ) -> list[PredictionResult | None]:
        """One result per ask, in order; None where no reply came in `timeout` seconds. All are sent before any is
        awaited. Raises Unavailable, and then some may have been sent; InvalidRequest, and then none was."""
        if self._replies is None:
            raise BadSettings("this client was made with replies=False: it can submit, not predict")
        deadline = asyncio.get_running_loop().time() + timeout
        with ExitStack() as stack:
            expected = [stack.enter_context(self._replies.expect()) for _ in asks]
            pairs = zip(asks, expected, strict=True)
            await self._send([self._record(ask, timeout, to.to)[1] for ask, to in pairs], timeout)
            waiting = [item.reply for item in expected]
            if waiting:
                left = max(0.0, deadline - asyncio.get_running_loop().time())
                await asyncio.wait(waiting, timeout=left)
            return [_result(reply.result().body) if reply.done() else None for reply in waiting]

    async def submit(
        self,
        features: Features,
        *,
        entity: str | None = None,
        model: str | None = None,
        request_id: str | None = None,
    ) -> str:
        """Send and forget: the request id, once the broker has the record. Raises Unavailable, InvalidRequest."""
        return (await self.submit_many([Ask(features, entity, model, request_id)]))[0]

    async def submit_many(self, asks: Sequence[Ask]) -> list[str]:
        """The request ids, once the broker has every record. Raises as predict_many does."""
        records = [self._record(ask) for ask in asks]
        await self._send([record for _, record in records], DELIVERY_S)
        return [request_id for request_id, _ in records]

    async def feedback(self, request_id: str, label: int, *, row: int = 0, source: str = "client") -> None:
        """Ground truth for a prediction, once the broker has it. Raises Unavailable, InvalidRequest."""
        value = {"request_id": request_id, "label": label, "row": row, "source": source}
        read_feedback(value)
        topic = self._settings.topic(FEEDBACK.name)
        await self._send([self._signed(topic, encode(value), request_id, request_id)], DELIVERY_S)

    async def _send(self, records: Sequence[Emission], within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._producer.send(records)
        except TimeoutError:
            raise Unavailable("kafka", f"the records were not confirmed within {within_s:g} s") from None

    def _record(self, ask: Ask, timeout_s: float | None = None, reply: ReplyTo | None = None) -> tuple[str, Emission]:
        request_id = new_request_id() if ask.request_id is None else check_request_id(ask.request_id)
        entity = request_id if ask.entity is None else check_entity(ask.entity)
        body = request_body(ask.features, entity=entity, model=ask.model)
        return request_id, self._signed(self._requests, body, entity, request_id, timeout_s, reply)

    def _signed(
        self,
        topic: str,
        body: bytes,
        entity: str,
        request_id: str,
        timeout_s: float | None = None,
        reply: ReplyTo | None = None,
    ) -> Emission:
        now_ms = time.time_ns() // 1_000_000
        return signed_request(
            topic,
            body,
            entity=entity,
            request_id=request_id,
            key_id=self._key_id,
            signing_key=self._signing_key,
            now_ms=now_ms,
            deadline_ms=None if timeout_s is None else now_ms + int(timeout_s * 1000),
            reply=reply,
        )


def _check_key(api_key: str, key_id: str) -> None:
    if not isinstance(api_key, str) or not looks_like_key(api_key):
        raise BadSettings("api_key is not of the form sk_live_… with 51 characters; see `weir keys create`")
    if not isinstance(key_id, str) or _KEY_ID.match(key_id) is None:
        raise BadSettings("key_id is missing or not 11 characters: `weir keys list` shows it beside the name")


def _settings(settings: Settings | None, bootstrap_servers: str | None) -> Settings:
    base = settings or Settings()
    if bootstrap_servers is None:
        return base
    return base.model_copy(update={"kafka_bootstrap_servers": bootstrap_servers})


def _result(body: bytes) -> PredictionResult:
    return PredictionResult.model_validate_json(body)
