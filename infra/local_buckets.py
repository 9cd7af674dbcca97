"""The token buckets in this process's memory: what decides while Redis is away, by the script's own rules."""

from collections import defaultdict
from dataclasses import dataclass, field

from infra.bucket import UNITS, Level, settle
from infra.charging import CHARGED, DENIED, EXPIRED, FREE, SECOND_US, Asked, Verdict


@dataclass(slots=True)
class Past:
    """What was decided of one partition: up to where, and what was refused above the floor."""

    seen: int = -1
    refused: dict[int, str] = field(default_factory=dict)


class LocalBuckets:
    """Buckets, offsets and identities, each for as long as this object lives.

    window_s: how long an admitted identity is remembered at least, in seconds.
    """

    def __init__(self, window_s: int) -> None:
        self._window_us = window_s * SECOND_US
        self._levels: dict[str, Level] = {}
        self._pasts: defaultdict[tuple[str, int], Past] = defaultdict(Past)
        self._admitted: dict[int, set[tuple[str, str]]] = {}

    def charge(self, asked: Asked, now_us: int) -> Verdict:
        """Decides a batch, in order."""
        self._turn(now_us // self._window_us)
        limits = zip(asked.buckets, asked.rates, asked.sizes, strict=True)
        before = [settle(self._levels.get(name), now_us, rate, size) for name, rate, size in limits]
        levels = list(before)
        letters = [self._decide(asked, index, levels) for index in range(len(asked.offsets))]
        self._keep(asked, levels, before)
        return Verdict("".join(letters), before, now_us)

    def fill(self, bucket: str) -> None:
        """Makes a bucket full."""
        self._levels.pop(bucket, None)

    def _turn(self, generation: int) -> None:
        """Forgets identities two windows old."""
        kept = {age: self._admitted.get(age, set()) for age in (generation, generation - 1)}
        self._admitted = kept

    def _decide(self, asked: Asked, index: int, levels: list[Level]) -> str:
        bucket = asked.of_bucket[index]
        offset, cost = asked.offsets[index], asked.costs[index]
        past = self._pasts[asked.log, asked.partitions[asked.of_partition[index]]]
        if offset <= past.seen:
            return past.refused.get(offset, FREE)
        past.seen = offset
        identity = (asked.buckets[bucket], asked.identities[index])
        if any(identity in admitted for admitted in self._admitted.values()):
            return FREE
        if not asked.expired[index] and levels[bucket].units >= cost * UNITS:
            levels[bucket] = levels[bucket].less(cost)
            self._admitted[max(self._admitted)].add(identity)
            return CHARGED
        past.refused[offset] = EXPIRED if asked.expired[index] else DENIED
        return past.refused[offset]

    def _keep(self, asked: Asked, levels: list[Level], before: list[Level]) -> None:
        for name, level, was in zip(asked.buckets, levels, before, strict=True):
            known = self._levels.get(name)
            if level is not was or (known is not None and known[2:] != level[2:]):
                self._levels[name] = level
        for partition, floor in zip(asked.partitions, asked.floors, strict=True):
            past = self._pasts[asked.log, partition]
            past.refused = {offset: letter for offset, letter in past.refused.items() if offset >= floor}
