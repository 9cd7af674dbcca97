"""How long a verb waits, as its option takes it."""

from math import isfinite
from typing import Any

import click


class Seconds(click.FloatRange):
    """More than 0 seconds, and an end."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not isfinite(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds
