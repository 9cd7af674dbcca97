"""The token buckets in this process's memory: what decides while Redis is away, by the script's own rules."""

from infra.bucket import UNITS, Level, full_at_us, settle
from infra.charging import ADMITTED, CHARGED, DENIED, EXPIRED, FREE, SECOND_US, WAIVED, Asked, Verdict

CHUNK = 4096
CHUNKS = 4096
"""The newest sixteen million offsets among which any was refused are remembered, in 16 MiB at most: refusals do not
fill the memory, in no outage and in no month without."""

BUCKETS = 100_000
"""Beyond so many buckets the full ones are forgotten, which are as good as new."""


Partition = tuple[str, int]
"""The log's identity and the number."""


class Past:
    """What was decided: of each partition up to where, and the letters of the chunks in which any is not FREE."""

    def __init__(self) -> None:
        self._seen: dict[Partition, int] = {}
        self._chunks: dict[tuple[Partition, int], bytearray] = {}

    def reaches(self, partition: Partition, offset: int) -> bool:
        """Whether the offset was decided."""
        return offset <= self._seen.get(partition, -1)

    def reach(self, partition: Partition, offset: int) -> None:
        """Counts everything up to the offset as decided."""
        self._seen[partition] = max(offset, self._seen.get(partition, -1))

    def decided(self, partition: Partition, offset: int) -> str:
        """The decision on an offset that was decided."""
        chunk = self._chunks.get((partition, offset // CHUNK))
        return FREE if chunk is None else chr(chunk[offset % CHUNK])

    def remember(self, partition: Partition, offset: int, letter: str) -> str:
        """The letter, once it is kept."""
        place = partition, offset // CHUNK
        if place not in self._chunks:
            self._chunks[place] = bytearray(FREE.encode() * CHUNK)
            if len(self._chunks) > CHUNKS:
                del self._chunks[next(iter(self._chunks))]
        self._chunks[place][offset % CHUNK] = ord(letter)
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
        self._past = Past()
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

    def note(self, asked: Asked, letters: str) -> None:
        """Remembers what Redis has decided of a batch of records: what comes again once Redis is away keeps it."""
        if not asked.log:
            return
        for partition, offset in asked.ends().items():
            self._past.reach(partition, offset)
        if letters.strip(ADMITTED):
            for index, offset, letter in zip(asked.of_partition, asked.offsets, letters, strict=True):
                if letter not in ADMITTED:
                    self._past.remember((asked.log, asked.partitions[index]), offset, letter)

    def fill(self, bucket: str) -> None:
        """Makes a bucket full."""
        self._levels.pop(bucket, None)

    def _turn(self, generation: int) -> None:
        """Forgets identities two windows old."""
        kept = {age: self._admitted.get(age, set()) for age in (generation, generation - 1)}
        self._admitted = kept

    def _decide(self, asked: Asked, index: int, levels: list[Level]) -> str:
        offset = asked.offsets[index]
        partition = asked.log, asked.partitions[asked.of_partition[index]]
        if self._past.reaches(partition, offset):
            return self._past.decided(partition, offset)
        self._past.reach(partition, offset)
        identity = (asked.buckets[asked.of_bucket[index]], asked.identities[index])
        if any(identity in admitted for admitted in self._admitted.values()):
            return FREE
        letter = self._spend(asked, index, levels)
        if letter in (CHARGED, WAIVED):
            self._admitted[max(self._admitted)].add(identity)
        return letter if letter == CHARGED else self._past.remember(partition, offset, letter)

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
