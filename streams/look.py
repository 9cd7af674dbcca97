"""What is seen of a route at one look."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Look(NamedTuple):
    """verdict: on the candidate, None where nothing is asked of it. passed: the guardrail that was, or None. weights: a
    bandit's, by what its labels say; None for other strategies."""

    verdict: Mapping[str, Any] | None = None
    passed: str | None = None
    weights: Mapping[str, float] | None = None
