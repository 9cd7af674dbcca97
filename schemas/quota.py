"""What a record costs, and what became of it."""

from typing import Literal

from msgspec import Struct


class Charge(Struct, frozen=True, gc=False):
    """What one record costs whom.

    bucket: whose. per_hour, capacity: the bucket's refill and size in tokens. cost: tokens, one per row.
    partition, offset: where the record lies; identity: digest of request id and body, so that the same
    request sent twice is charged once.
    expired: its deadline has passed, so it is charged only if it was admitted before.
    """

    bucket: str
    per_hour: int
    capacity: int
    cost: int
    partition: int
    offset: int
    identity: str
    expired: bool = False


Outcome = Literal["admitted", "denied", "expired"]


class Decision(Struct, frozen=True, gc=False):
    """The outcome of one charge and the bucket's state after it.

    limit: tokens per hour. remaining: whole tokens left. reset_at: epoch second at which as many tokens exist
    as the charge costs (denied) or the bucket is full again. retry_after: seconds until then, 0 where it was
    admitted and where it can never be: the cost exceeds the bucket. degraded: decided by the local bucket, as
    Redis was away. would_refuse: admitted by a dry run alone; `remaining` is 0, `reset_at` as if it was denied.
    limited: False where limits are switched off, so that the numbers are no bucket's.
    """

    outcome: Outcome
    limit: int
    remaining: int
    reset_at: int
    retry_after: int = 0
    degraded: bool = False
    would_refuse: bool = False
    limited: bool = True
