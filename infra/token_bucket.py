"""The script that decides in Redis: its text, what it is given and what it answers; no I/O besides."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any

from msgspec import msgpack

from infra.bucket import UNITS, Level
from infra.charging import Asked, Verdict

KEEP_S = 30 * 24 * 3600
"""How long a partition's end and the refusals near it are kept after the last of them: longer than the records."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every batch.

    prefix: of the names in Redis. window: how long an admitted request is recognised when it is sent again, in
    seconds. dry_run: whoever is out of tokens is admitted, and told apart.
    """

    prefix: str
    window: int
    dry_run: bool = False
    keep: int = KEEP_S


@cache
def script() -> tuple[str, str]:
    """The script's text and the digest that Redis knows it by."""
    text = Path(__file__).with_name("token_bucket.lua").read_text()
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def payload(asked: Asked, terms: Terms, now_us: int | None) -> bytes:
    """What the script is called with; `now_us` stands in for Redis's own clock."""
    return msgpack.encode({"terms": terms, "now": now_us, "asked": asked})


def read(asked: Asked, answer: Sequence[Any]) -> Verdict:
    """The script's answer."""
    letters, now_us, *states = answer
    fields = zip(states[::3], states[1::3], states[2::3], asked.rates, asked.sizes, strict=True)
    levels = [Level(tokens * UNITS + units, at_us, rate, size) for tokens, units, at_us, rate, size in fields]
    return Verdict(letters.decode() if isinstance(letters, bytes) else letters, levels, now_us)
