"""Moments as people write them: `2h` back, or RFC 3339."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMS = "give RFC 3339 with an offset, 2026-11-27T09:00:00Z, or how long ago, 90s, 30m, 2h, 3d, 1w"


def moment(text: str, now: datetime) -> datetime:
    """The moment in UTC. Raises ValueError saying which forms there are."""
    try:
        if ago := re.fullmatch(r"([0-9]+)([smhdw])", text):
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        named = datetime.fromisoformat(text)
        if named.tzinfo is not None:
            return named.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text[:100]!r} is no time: {FORMS}")


class Moment(click.ParamType):
    """An option's moment."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment(value, datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)
