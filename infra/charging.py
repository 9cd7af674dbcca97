"""A batch of charges as the token buckets are asked, and their answer as decisions; no I/O."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import astuple, replace

from infra.bucket import UNITS, Level, full_at_us, wait_us
from schemas.quota import Charge, Decision, Outcome

SECOND_US = 1_000_000
CHARGED, FREE, DENIED, EXPIRED, WAIVED = "cfdxw"
"""What a batch's answer says of each charge. FREE: admitted, as it was before under another offset, or as a
redelivered record that had been admitted. WAIVED: admitted at no cost, as a dry run denies nobody."""

REFUSING = DENIED + WAIVED
ADMITTED = CHARGED + FREE
"""What leaves no trace but the partition's end: every other letter is kept by its offset."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The charges of one batch, column by column: a script decodes few long arrays faster than many objects.

    log: of the records, which may come again; empty for a charge of no record, which comes once and alone.
    rates, sizes: tokens per hour and at most, of each of `buckets`. of_bucket, of_partition: which bucket and
    which partition each charge concerns, from 0.
    """

    log: str
    buckets: Sequence[str]
    rates: Sequence[int]
    sizes: Sequence[int]
    partitions: Sequence[int]
    of_bucket: Sequence[int]
    of_partition: Sequence[int]
    offsets: Sequence[int]
    costs: Sequence[int]
    identities: Sequence[str]
    expired: Sequence[bool]

    def ends(self) -> dict[tuple[str, int], int]:
        """The last offset of each partition, with the log's identity."""
        last = dict(zip(self.of_partition, self.offsets, strict=True))
        return {(self.log, self.partitions[index]): offset for index, offset in last.items()}


class Verdict(NamedTuple):
    """The answer: a letter per charge, and each bucket's level before the first of them."""

    letters: str
    levels: Sequence[Level]
    now_us: int


def ask(log: str, charges: Sequence[Charge], share: float = 1.0) -> Asked:
    """The batch, with every limit cut to this share of it but never below one token."""
    if not charges:
        return Asked(log, [], [], [], [], [], [], [], [], [], [])
    columns = zip(*map(astuple, charges), strict=True)
    names, rates, sizes, costs, of_partition, offsets, identities, expired = columns
    # One setting per bucket: where a key's limits change between two records of a batch, the later hold.
    limits = dict(zip(names, zip(rates, sizes, strict=True), strict=True))
    bucket_index = {name: index for index, name in enumerate(limits)}
    partitions = sorted(set(of_partition))
    partition_index = {partition: index for index, partition in enumerate(partitions)}
    return Asked(
        log=log,
        buckets=list(limits),
        rates=[max(1, int(rate * share)) for rate, _ in limits.values()],
        sizes=[max(1, int(size * share)) for _, size in limits.values()],
        partitions=partitions,
        of_bucket=[bucket_index[name] for name in names],
        of_partition=[partition_index[partition] for partition in of_partition],
        offsets=offsets,
        costs=costs,
        identities=identities,
        expired=expired,
    )


def decide(asked: Asked, charges: Sequence[Charge], verdict: Verdict, *, degraded: bool = False) -> Iterator[Decision]:
    """One decision per charge, each with its bucket's state after it."""
    units = [level.units for level in verdict.levels]
    fillings = [(level.at_us, level.capacity * UNITS, level.per_hour) for level in verdict.levels]
    for charge, bucket, letter in zip(charges, asked.of_bucket, verdict.letters, strict=True):
        left = units[bucket]
        if letter == CHARGED:
            left = units[bucket] = left - charge.cost * UNITS
        if letter in REFUSING:
            denied = _denied(charge, verdict.levels[bucket]._replace(units=left), verdict.now_us, degraded)
            yield denied if letter == DENIED else _waived(denied)
        else:
            # Written out for the rate of it: one of these ends every request.
            at_us, full, per_hour = fillings[bucket]
            full_at_us = at_us - (left - full) // per_hour
            outcome: Outcome = "expired" if letter == EXPIRED else "admitted"
            yield Decision(outcome, charge.per_hour, left // UNITS, -(-full_at_us // SECOND_US), 0, degraded)


def _denied(charge: Charge, level: Level, now_us: int, degraded: bool) -> Decision:
    if charge.cost > charge.capacity:
        return Decision("denied", charge.per_hour, level.tokens, _second(full_at_us(level)), 0, degraded)
    reset_at = _second(level.at_us + wait_us(level, charge.cost))
    retry_after = max(1, reset_at - now_us // SECOND_US)
    return Decision("denied", charge.per_hour, level.tokens, reset_at, retry_after, degraded)


def _waived(denied: Decision) -> Decision:
    return replace(denied, outcome="admitted", remaining=0, retry_after=0, would_refuse=True)


def free(charge: Charge, outcome: Outcome, now_us: int) -> Decision:
    """The decision where no limits hold."""
    return Decision(outcome, charge.per_hour, charge.capacity, _second(now_us), limited=False)


def _second(moment_us: int) -> int:
    return -(-moment_us // SECOND_US)
