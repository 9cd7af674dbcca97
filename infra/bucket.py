"""The token bucket's arithmetic, in integers: nothing is rounded, so nothing drifts.

A level counts units of 1/3 600 000 000 token: `per_hour` of them flow in each microsecond.
`token_bucket.lua` does the same on pairs (tokens, units), as a double holds no more than 2^53.
"""

from typing import NamedTuple

UNITS = 3_600_000_000
"""Units in one token."""


class Level(NamedTuple):
    """What a bucket holds at one moment, and the limits that it fills under.

    units: 1/UNITS of a token. at_us: epoch microseconds. per_hour, capacity: tokens.
    """

    units: int
    at_us: int
    per_hour: int
    capacity: int

    @property
    def tokens(self) -> int:
        """Whole tokens."""
        return self.units // UNITS

    def less(self, cost: int) -> "Level":
        """The level after so many tokens were taken."""
        return Level(self.units - cost * UNITS, self.at_us, self.per_hour, self.capacity)


class Spent(NamedTuple):
    """What became of one charge: see `spend`."""

    level: Level
    admitted: bool
    remaining: int
    retry_after_us: int
    full_at_us: int


def settle(level: Level | None, now_us: int, per_hour: int, capacity: int) -> Level:
    """The level now, under the limits that hold from now on.

    A bucket that is not known is full. Up to now it filled under its old limits, so a raised limit hands out
    nothing at once; a lowered one clamps. A clock that went backwards changes nothing.
    """
    if level is None:
        return Level(capacity * UNITS, now_us, per_hour, capacity)
    at_us = max(now_us, level.at_us)
    refilled = min(level.units + (at_us - level.at_us) * level.per_hour, level.capacity * UNITS)
    return Level(min(refilled, capacity * UNITS), at_us, per_hour, capacity)


def wait_us(level: Level, tokens: int) -> int:
    """Microseconds, rounded up, until the level reaches so many tokens, were the bucket large enough."""
    missing = tokens * UNITS - level.units
    return max(0, -(-missing // level.per_hour))


def full_at_us(level: Level) -> int:
    """Epoch microseconds, rounded up, at which the bucket is full."""
    return level.at_us + wait_us(level, level.capacity)


def spend(level: Level | None, now_us: int, per_hour: int, capacity: int, cost: int) -> Spent:
    """One charge: all of its cost or nothing.

    retry_after_us: how long until it could pass; 0 where it did, and where it never can: `cost > capacity`.
    """
    level = settle(level, now_us, per_hour, capacity)
    admitted = level.units >= cost * UNITS
    if admitted:
        level = level.less(cost)
    retry = 0 if admitted or cost > capacity else wait_us(level, cost)
    return Spent(level, admitted, level.tokens, retry, full_at_us(level))
