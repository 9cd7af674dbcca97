"""The token buckets in this process's memory: what decides while Redis is away, by the script's own rules."""

from collections import defaultdict
from dataclasses import dataclass, field

from infra.bucket import UNITS, Level, full_at_us, settle
from infra.charging import CHARGED, DENIED, EXPIRED, FREE, SECOND_US, WAIVED, Asked, Verdict

CHUNK = 4096
CHUNKS = 1024
"""Of each partition the newest four million offsets are remembered, in 4 MiB at most: no outage's refusals fill the
memory."""

BUCKETS = 100_000
"""Beyond so many buckets the full ones are forgotten, which are as good as new."""


@dataclass(slots=True)
class Past:
    """What was decided of one partition: up to where, and the letters of the chunks in which any is not FREE."""

    seen: int = -1
    chunks: dict[int, bytearray] = field(default_factory=dict)

    def decided(self, offset: int) -> str:
        """The decision on an offset up to `seen`."""
        chunk = self.chunks.get(offset // CHUNK)
        return FREE if chunk is None else chr(chunk[offset % CHUNK])

    def remember(self, offset: int, letter: str) -> str:
        """The letter, once it is kept."""
        number = offset // CHUNK
        if number not in self.chunks:
            self.chunks[number] = bytearray(FREE.encode() * CHUNK)
            if len(self.chunks) > CHUNKS:
                del self.chunks[next(iter(self.chunks))]
        self.chunks[number][offset % CHUNK] = ord(letter)
        return letter


class LocalBuckets:
    """Buckets, offsets and identities, each for as long as this object lives.

    window_s: how long an admitted identity is remembered at least, in seconds. dry_run: nobody is denied.
    """

    def __init__(self, window_s: int, *, dry_run: bool = False) -> None:
        self._window_us = window_s * SECOND_US
        self._dry_run = dry_run
        self._levels: dict[str, Level] = {}
        self._most = BUCKETS
        self._pasts: defaultdict[tuple[str, int], Past] = defaultdict(Past)
        self._admitted: dict[int, set[tuple[str, str]]] = {}

    def charge(self, asked: Asked, now_us: int) -> Verdict:
        """Decides a batch, in order."""
        self._turn(now_us // self._window_us)
        limits = zip(asked.buckets, asked.rates, asked.sizes, strict=True)
        before = [settle(self._levels.get(name), now_us, rate, size) for name, rate, size in limits]
        levels = list(before)
        decide = self._decide if asked.log else self._spend
        letters = [decide(asked, index, levels) for index in range(len(asked.offsets))]
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
        offset = asked.offsets[index]
        past = self._pasts[asked.log, asked.partitions[asked.of_partition[index]]]
        if offset <= past.seen:
            return past.decided(offset)
        past.seen = offset
        identity = (asked.buckets[asked.of_bucket[index]], asked.identities[index])
        if any(identity in admitted for admitted in self._admitted.values()):
            return FREE
        letter = self._spend(asked, index, levels)
        if letter in (CHARGED, WAIVED):
            self._admitted[max(self._admitted)].add(identity)
        return letter if letter == CHARGED else past.remember(offset, letter)

    def _spend(self, asked: Asked, index: int, levels: list[Level]) -> str:
        bucket, cost = asked.of_bucket[index], asked.costs[index]
        if asked.expired[index]:
            return EXPIRED
        if levels[bucket].units >= cost * UNITS:
            levels[bucket] = levels[bucket].less(cost)
            return CHARGED
        return WAIVED if self._dry_run else DENIED

    def _keep(self, asked: Asked, levels: list[Level], before: list[Level]) -> None:
        for name, level, was in zip(asked.buckets, levels, before, strict=True):
            known = self._levels.get(name)
            if level is not was or (known is not None and known[2:] != level[2:]):
                self._levels[name] = level
        if len(self._levels) > self._most:
            self._forget_full(max(level.at_us for level in levels))

    def _forget_full(self, now_us: int) -> None:
        self._levels = {name: level for name, level in self._levels.items() if full_at_us(level) > now_us}
        self._most = max(BUCKETS, 2 * len(self._levels))
