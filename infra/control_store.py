"""Where the control plane's state lies: the compacted topics `model-routes` and `model-registry`."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from infra.compacted import read_records
from schemas.control_state import ControlState, Registry, RouteTable


class TopicControlStore:
    """Reads both topics whole, each time anew: for commands, which are few.

    options: of a confluent-kafka client. routes, registry: the topics' full names. timeout_s: for each of them.
    """

    def __init__(self, options: Mapping[str, Any], routes: str, registry: str, timeout_s: float = 10.0) -> None:
        self._options = options
        self._routes = routes
        self._registry = registry
        self._timeout_s = timeout_s

    async def read(self) -> ControlState:
        """The state as of now. Raises Unavailable where a topic is missing or is not read to its end in time."""
        table, registry = RouteTable(), Registry()
        await asyncio.gather(
            asyncio.to_thread(self._read, self._routes, table.update),
            asyncio.to_thread(self._read, self._registry, registry.update),
        )
        return ControlState(routes=table.routes, entries=registry.entries, removed=table.removed)

    def _read(self, topic: str, update: Callable[[str, bytes | None], bool]) -> None:
        def note(key: bytes, value: bytes | None) -> None:
            update(key.decode("utf-8", "replace"), value)

        read_records(self._options, topic, note, self._timeout_s)
