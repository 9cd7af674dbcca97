"""Twenty thousand signed requests of many kinds, and what each of them must come to."""

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.e2e.cases import NO_NUMBER
from tests.e2e.platform import Platform
from tests.e2e.upstream import Key, now_ms

CHUNK = 200
HELD_BACK = 5
"""Chunks that are sent only once the last kill has happened: the load runs at every kill."""

SHORT_MS = 1500


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it was sent. may: the statuses that it may end with. cost: tokens, where it is admitted."""

    request_id: str
    key: Key
    may: frozenset[str]
    cost: int
    rows: int
    copies: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: its share of the load, and how one is sent."""

    weight: int
    key: str
    may: frozenset[str]
    rows: int = 1
    charged: bool = True
    copies: int = 1
    spoil: Callable[[dict[str, Any]], Any] = lambda features: features
    deadline_ms: int | None = None


def _without_a_field(features: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in features.items() if name != "total_orders"}


OK, INVALID, EXPIRED = frozenset({"ok"}), frozenset({"invalid"}), frozenset({"expired"})
KINDS = (
    Kind(60, "first", OK),
    Kind(12, "second", OK),
    Kind(4, "second", OK, copies=2),
    Kind(3, "second", OK, rows=3),
    Kind(8, "small", frozenset({"ok", "rate_limited"})),
    Kind(4, "first", INVALID, spoil=_without_a_field),
    Kind(2, "second", INVALID, charged=False, spoil=lambda features: "no object"),
    Kind(3, "first", EXPIRED, charged=False, deadline_ms=-1000),
    Kind(2, "third", frozenset({"ok", "expired"}), deadline_ms=SHORT_MS),
    Kind(1, "stranger", frozenset({"unauthorized"}), charged=False),
    Kind(1, "third", frozenset({"error"}), spoil=lambda features: {**features, **NO_NUMBER}),
)


class Load:
    """Sends `total` requests from a thread, evenly over `seconds`, the last of them once `release` is called.

    held_back: how many chunks are the last.
    """

    def __init__(
        self,
        platform: Platform,
        keys: dict[str, Key],
        customers: Callable[[int], dict[str, Any]],
        seed: int,
        held_back: int = HELD_BACK,
    ) -> None:
        self._held_back = held_back
        self._platform = platform
        self._keys = keys
        self._customers = customers
        self._random = random.Random(seed)
        self._released = threading.Event()
        self._paced = threading.Event()
        self.asked: list[Asked] = []

    def run(self, total: int, seconds: float) -> threading.Thread:
        thread = threading.Thread(target=self._send_all, args=(total, seconds), daemon=True)
        thread.start()
        return thread

    def release(self) -> None:
        self._released.set()

    def _send_all(self, total: int, seconds: float) -> None:
        chunks = total // CHUNK
        for number in range(chunks):
            if number == chunks - self._held_back:
                self._released.wait(120)
            for _ in range(CHUNK):
                self._send()
            self._platform.upstream.flush()
            self._paced.wait(seconds / chunks)

    def _send(self) -> None:
        [kind] = self._random.choices(KINDS, [kind.weight for kind in KINDS])
        key, request_id = self._keys[kind.key], str(UUID(int=self._random.getrandbits(128), version=4))
        entity = f"c-{self._random.randrange(500)}"
        rows = [kind.spoil(self._customers(self._random.randrange(200))) for _ in range(kind.rows)]
        content = {"features": rows[0]} if kind.rows == 1 else {"rows": rows}
        body = json.dumps({"entity": entity, **content} if rows[0] != "no object" else ["no object"]).encode()
        deadline = None if kind.deadline_ms is None else now_ms() + kind.deadline_ms
        for _ in range(kind.copies):
            self._platform.upstream.ask(key, body=body, request_id=request_id, entity=entity, deadline_ms=deadline)
        cost = kind.rows if kind.charged else 0
        self.asked.append(Asked(request_id, key, kind.may, cost, kind.rows, kind.copies))
