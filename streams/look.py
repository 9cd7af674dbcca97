"""What is seen of a route at one look."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Look(NamedTuple):
    """verdicts: on each candidate, none where nothing is asked of them. passed: the guardrail that was, or None.
    weights: a bandit's, by what its labels say; None for other strategies."""

    verdicts: Sequence[Mapping[str, Any]] = ()
    passed: str | None = None
    weights: Mapping[str, float] | None = None
