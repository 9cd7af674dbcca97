"""The client of upstream services: signed requests straight to Kafka, with replies or without."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from infra.kafka import aiokafka_options, client_options
from schemas.errors import BadSettings, Unavailable
from schemas.feedback import Feedback, read_feedback
from schemas.message import Emission
from schemas.result import PredictionResult
from streams.gateway.pending import Pending, Reply
from streams.gateway.replies import ReplyReader
from streams.limit_wait import OnLimit, check_on_limit, until_admitted
from streams.producer import Producer
from streams.requests import Features
from streams.settings import Settings
from streams.signer import Ask, Signer
from streams.topics import FEEDBACK, PREDICTION_REPLIES, PREDICTION_REQUESTS

__all__ = ["Ask", "OnLimit", "WeirClient"]

MAX_PENDING = 20_000
DELIVERY_S = 30.0


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
        self._settings = settings = _settings(settings, bootstrap_servers)
        self._signer = Signer(api_key, key_id)
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
        on_limit: OnLimit = "return",
        explain: bool = False,
    ) -> PredictionResult:
        """The result, whatever its status. Raises TimeoutError without a reply in `timeout` seconds, Unavailable,
        InvalidRequest. on_limit: as for `predict_many`. explain: as for `Ask`."""
        ask = Ask(features, entity, model, request_id, explain)
        [result] = await self.predict_many([ask], timeout=timeout, on_limit=on_limit)
        if result is None:
            raise TimeoutError(f"no reply within {timeout:g} s: retry with the same request_id")
        return result

    async def predict_many(
        self,
        asks: Sequence[Ask],
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - as in predict
        on_limit: OnLimit = "return",
    ) -> list[PredictionResult | None]:
        """One result per ask, in order; None where no reply came in `timeout` seconds. All are sent before any is
        awaited. Raises Unavailable, and then some may have been sent; InvalidRequest, and then none was.

        on_limit: "wait" asks again, under the same id, for what was rate_limited, once the bucket has a token and
        where that is within the timeout.
        """
        if self._replies is None:
            raise BadSettings("this client was made with replies=False: it can submit, not predict")
        check_on_limit(on_limit)
        named = [ask.named() for ask in asks]
        ask_all = self._ask(named, timeout) if on_limit == "return" else until_admitted(self._ask, named, timeout)
        replies = await ask_all
        return [None if reply is None else _result(reply.body) for reply in replies]

    async def _ask(self, asks: Sequence[Ask], within_s: float) -> list[Reply | None]:
        assert self._replies is not None
        deadline = asyncio.get_running_loop().time() + within_s
        with ExitStack() as stack:
            expected = [stack.enter_context(self._replies.expect()) for _ in asks]
            pairs = zip(asks, expected, strict=True)
            signed = [self._signer.request(self._requests, ask, within_s, to.to) for ask, to in pairs]
            await self._send(signed, within_s)
            waiting = [item.reply for item in expected]
            if waiting:
                left = max(0.0, deadline - asyncio.get_running_loop().time())
                await asyncio.wait(waiting, timeout=left)
            return [reply.result() if reply.done() else None for reply in waiting]

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
        named = [ask.named() for ask in asks]
        await self._send([self._signer.request(self._requests, ask) for ask in named], DELIVERY_S)
        return [str(ask.request_id) for ask in named]

    async def feedback(self, request_id: str, label: int, *, row: int = 0, source: str = "client") -> None:
        """Ground truth for a prediction, once the broker has it. Raises Unavailable, InvalidRequest."""
        value = {"request_id": request_id, "label": label, "row": row, "source": source}
        await self.feedback_many([read_feedback(value)])

    async def feedback_many(self, labels: Sequence[Feedback]) -> None:
        """Ground truth for many, once the broker has all of it. Raises Unavailable, and then some may have been sent:
        send them again, as a label that is repeated changes nothing."""
        topic = self._settings.topic(FEEDBACK.name)
        await self._send([self._signer.feedback(topic, label) for label in labels], DELIVERY_S)

    async def _send(self, records: Sequence[Emission], within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._producer.send(records)
        except TimeoutError:
            raise Unavailable("kafka", f"the records were not confirmed within {within_s:g} s") from None


def _settings(settings: Settings | None, bootstrap_servers: str | None) -> Settings:
    base = settings or Settings()
    if bootstrap_servers is None:
        return base
    return base.model_copy(update={"kafka_bootstrap_servers": bootstrap_servers})


def _result(body: bytes) -> PredictionResult:
    return PredictionResult.model_validate_json(body)
