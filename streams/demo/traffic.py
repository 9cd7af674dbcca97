"""What the demo sends: steady requests by HTTP and to Kafka with their ground truth, a burst, and what gets refused."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx

from schemas.errors import Unavailable, WeirError
from streams.client import WeirClient
from streams.demo.cast import SMALL_BURST, Cast, DemoKey
from streams.demo.ledger import Ledger
from streams.demo.orders import Order, Orders
from streams.demo.phases import Phases
from streams.demo.refused import send_invalid, send_malformed
from streams.demo.senders import ANSWER_S, ByHttp, ByKafka
from streams.settings import Settings

FIRST_S = 60.0
"""The first answer may wait for a scorer that is still starting."""
AGAIN_S = 0.2
SPARE = 400
"""Requests that find their key not known yet are made up for from these."""
CONNECTIONS = httpx.Limits(max_connections=32)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent.

    steady: requests by each of HTTP and Kafka, spread over `seconds`. burst: straight to Kafka, as fast as it goes.
    small: tokens in the small key's bucket; twice as many requests follow by HTTP, and as many to Kafka.
    """

    steady: int = 150
    seconds: float = 5.0
    burst: int = 2000
    small: int = SMALL_BURST

    @property
    def orders(self) -> int:
        return 2 * self.steady + self.burst + 4 * self.small + SPARE


@dataclass(frozen=True, slots=True)
class Traffic:
    """Sends a plan to a running platform."""

    settings: Settings
    url: str
    cast: Cast
    ledger: Ledger
    plan: Plan = field(default_factory=Plan)

    async def send(self, phases: Phases) -> None:
        """Send everything and wait for the answers. Raises Unavailable where the first one does not come."""
        orders = await asyncio.to_thread(Orders, self.plan.orders)
        async with AsyncExitStack() as things:
            http = await things.enter_async_context(
                httpx.AsyncClient(base_url=self.url, timeout=ANSWER_S, limits=CONNECTIONS, trust_env=False)
            )
            generous = await self._by_kafka(things, "generous", replies=True)
            small, revoked = [await self._by_kafka(things, role) for role in ("small", "revoked")]
            with phases.phase("first answer"):
                await self._first(http, generous, orders)
            with phases.phase("traffic"):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._steady(self._by_http(http, "generous"), orders))
                    group.create_task(self._steady(generous, orders))
                    group.create_task(self._small(self._by_http(http, "small"), small, orders))
                    group.create_task(self._refused(http, revoked, orders))
            with phases.phase("burst"):
                await self._noted(generous.submit([orders.take() for _ in range(self.plan.burst)], way="burst"))

    async def _by_kafka(self, things: AsyncExitStack, role: str, *, replies: bool = False) -> ByKafka:
        key: DemoKey = getattr(self.cast, role)
        client = WeirClient(api_key=key.api_key, key_id=key.key_id, settings=self.settings, replies=replies)
        return ByKafka(await things.enter_async_context(client), role, self.ledger)

    def _by_http(self, http: httpx.AsyncClient, role: str, *, key: str | None = None) -> ByHttp:
        return ByHttp(http, getattr(self.cast, key or role), role, self.ledger)

    async def _first(self, http: httpx.AsyncClient, kafka: ByKafka, orders: Orders) -> None:
        """Until scorer and gateway know the keys, which takes a moment where they ran before."""
        try:
            async with asyncio.timeout(FIRST_S):
                await _until(lambda: kafka.predict(orders.take(), FIRST_S))
                await _until(lambda: self._is_known(http))
        except TimeoutError:
            seen = ", ".join(self.ledger.counts()) or "nothing"
            raise Unavailable("scorer", f"no prediction within {FIRST_S:.0f} s, {seen} instead: see its log") from None

    async def _is_known(self, http: httpx.AsyncClient) -> bool:
        headers = {"X-API-Key": self.cast.generous.api_key}
        return (await http.get("/predictions/none", headers=headers)).status_code != httpx.codes.UNAUTHORIZED

    async def _steady(self, way: ByHttp | ByKafka, orders: Orders) -> None:
        """An open loop: the next request does not wait for the answer of the one before."""
        pause = self.plan.seconds / max(1, self.plan.steady)
        async with asyncio.TaskGroup() as group:
            for number in range(self.plan.steady):
                group.create_task(self._noted(self._ask_and_tell(way, orders.take(), tell=number % 2 == 0)))
                await asyncio.sleep(pause)

    async def _ask_and_tell(self, way: ByHttp | ByKafka, order: Order, *, tell: bool) -> None:
        if await way.predict(order) and tell:
            await way.tell(order)

    async def _small(self, http: ByHttp, kafka: ByKafka, orders: Orders) -> None:
        """More than the small key's bucket holds, by HTTP; then it is as empty for Kafka."""
        await asyncio.gather(*(self._noted(http.predict(orders.take())) for _ in range(2 * self.plan.small)))
        await self._noted(kafka.submit([orders.take() for _ in range(self.plan.small)]))

    async def _refused(self, http: httpx.AsyncClient, revoked: ByKafka, orders: Orders) -> None:
        await self._noted(self._by_http(http, "revoked").predict(orders.take()))
        await self._noted(revoked.submit([orders.take()]))
        await self._noted(send_invalid(self._by_http(http, "invalid", key="generous"), orders.take()))
        await self._noted(send_malformed(self.settings, self.cast.generous, self.ledger, orders.take()))

    async def _noted(self, sending: Awaitable[object]) -> None:
        """A request that fails on its way is noted, not raised: the rest goes on."""
        try:
            await sending
        except (WeirError, httpx.HTTPError, TimeoutError) as error:
            self.ledger.failures.append(f"a request failed on its way: {type(error).__name__} {error}")


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    while not await done():  # noqa: ASYNC110 - the answer comes from another process
        await asyncio.sleep(AGAIN_S)
