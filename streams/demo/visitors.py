"""Results of requests that the demo did not send: the visitor's own, once the demo stays up."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Console

TICK_S = 0.3
SHOWN = 5


class Visitors:
    """Shows each result of somebody else's request as one line; many at once as one line in all."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._came: list[Mapping[str, Any]] = []

    def see(self, result: Mapping[str, Any]) -> None:
        self._came.append(result)

    async def welcome(self, while_up: Callable[[], bool]) -> None:
        """Show who comes from now on, until cancelled or the platform is down."""
        self._came.clear()
        while while_up():
            await asyncio.sleep(TICK_S)
            came, self._came = self._came, []
            for line in in_words(came):
                self._console.print(line, soft_wrap=True, markup=False, highlight=False)


def in_words(came: list[Mapping[str, Any]]) -> list[str]:
    """One line per result, or one for all of more than SHOWN."""
    if len(came) <= SHOWN:
        return [_line(result) for result in came]
    counts = Counter(result["status"] for result in came)
    return [f"{len(came)} results: " + ", ".join(f"{count} {status}" for status, count in counts.most_common())]


def _line(result: Mapping[str, Any]) -> str:
    scored = datetime.fromisoformat(result["scored_at"]).astimezone().strftime("%H:%M:%S")
    line = f"{scored}  {result['status']:<12} {result['entity'] or '-'}"
    if result.get("risk_score") is not None:
        line += f"  {result['model']} risk {result['risk_score']:.0f} of 100"
    return f"{line}  {result['latency_ms']:.0f} ms"
