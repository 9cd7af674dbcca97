"""Changes of keys, made one after the other in a thread: the manager's clients block."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from infra.key_manager import KeyManager
from schemas.errors import Unavailable

T = TypeVar("T")

IN_LINE = 20
"""Changes that wait, the one being made among them."""


class Administration:
    """Lets a manager work in another's name, for so long at most; what has not begun by then never does."""

    def __init__(self, manager: KeyManager, patience_s: float) -> None:
        self._manager = manager
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(1, "keys")
        self._waiting = 0

    async def __call__(self, actor: str, work: Callable[[KeyManager], T]) -> T:
        """What the work returns. Raises Unavailable after the time, and then its change may have been made or not."""
        if self._waiting >= IN_LINE:
            raise Unavailable("kafka", f"{IN_LINE} changes of keys wait for it already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.wrap_future(self._thread.submit(work, self._manager.acting(actor)))
        except TimeoutError:
            raise Unavailable("kafka", f"the keys were not reached within {self._patience_s:g} s") from None
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the thread once what it does is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)
