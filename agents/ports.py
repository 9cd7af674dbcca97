"""What the stages need from outside, as behaviour: the real things are in `infra`, the fakes in the tests."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from models.routing import Routed
from schemas.control_state import ControlState
from schemas.keys import ApiKey, Credential
from schemas.quota import Charge, Decision
from schemas.routes import Route
from schemas.stored import Position, ReceivedLabel, RefusedRow, StoredEvent, StoredPrediction, StoredShadow

Clock = Callable[[], datetime]
"""Now, in UTC."""


class KeyRing(Protocol):
    """The current keys."""

    @property
    def allows_plain(self) -> bool:
        """Whether a record may bring its key as it is."""
        ...

    def by_id(self, key_id: str) -> Credential | None:
        """The credential, valid or not, or None where the id is unknown."""
        ...

    def by_plain_key(self, api_key: str) -> Credential | None:
        """The credential of a key that a record brings as it is; None where it is unknown or that is not allowed."""
        ...


class CommandRing(KeyRing, Protocol):
    """The keys that may give commands, the platform's own among them."""

    @property
    def former(self) -> KeyRing | None:
        """The platform's key under the master secret before this one; None without any."""
        ...


class Limiter(Protocol):
    """The token buckets."""

    @property
    def refuses(self) -> bool:
        """Whether anyone is refused for the limit's sake: not while limits are switched off or only tried out."""
        ...

    @property
    def explain_cost(self) -> int:
        """Tokens for a row whose answer is explained."""
        ...

    async def charge(self, topic: str, charges: Sequence[Charge], share: float) -> Sequence[Decision]:
        """One decision per charge, in order, in one round trip.

        share: this worker's part of the partitions: of every limit, while Redis is away.
        """
        ...


class Router(Protocol):
    """The current routes."""

    def route(self, model: str | None, entity: str) -> Routed:
        """The model for a request. Raises InvalidRequest naming the known models."""
        ...


class Store(Protocol):
    """Postgres, written in batches: rows and positions in one transaction.

    Every call skips what an earlier one has stored, returns the rows that the database will never take, and
    raises Unavailable while the database does not answer.
    """

    async def save_predictions(
        self, rows: Sequence[StoredPrediction], positions: Sequence[Position]
    ) -> Sequence[RefusedRow]: ...

    async def save_labels(
        self, labels: Sequence[ReceivedLabel], positions: Sequence[Position]
    ) -> Sequence[RefusedRow]: ...

    async def save_shadows(
        self, rows: Sequence[StoredShadow], positions: Sequence[Position]
    ) -> Sequence[RefusedRow]: ...

    async def save_events(self, events: Sequence[StoredEvent], positions: Sequence[Position]) -> Sequence[RefusedRow]:
        """events: all of one topic's."""
        ...

    async def save_keys(
        self, keys: Sequence[ApiKey], deleted: Sequence[str], positions: Sequence[Position]
    ) -> Sequence[RefusedRow]:
        """Keep the last state of each key; `deleted`: ids of keys that the topic has dropped."""
        ...


class ControlStore(Protocol):
    """Where the control plane's state lies."""

    async def read(self) -> ControlState:
        """The state as of now: all that was written before the call. Raises Unavailable."""
        ...


class ModelStore(Protocol):
    """Where bundles lie."""

    async def names(self) -> Sequence[str]:
        """The models that have a version. Raises Unavailable."""
        ...

    async def versions(self, model: str) -> Sequence[str]:
        """The versions of a model that are there, oldest first. Raises Unavailable."""
        ...

    async def verify(self, model: str, version: str) -> Mapping[str, Any]:
        """What the registry says of a bundle that may serve (digest, algorithm, metrics). Raises BundleRefused with the
        reason why it may not, Unavailable."""
        ...


class Evidence(Protocol):
    """What traffic and labels say of candidates."""

    async def verdict(self, route: Route, version: str) -> Mapping[str, Any]:
        """The verdict on a version of a route beside its champion, as JSON values: `outcome`, `reason`, `epoch` and the
        numbers. Raises Unavailable."""
        ...


class Counters(Protocol):
    """Where the stages count; a metric each."""

    def results(self, model_version: str, status: str, latencies_s: Sequence[float]) -> None: ...

    def rate_limited(self, count: int) -> None: ...

    def would_refuse(self, count: int) -> None: ...

    def unseen_categories(self, counts: Mapping[str, int]) -> None: ...

    def dead_letters(self, reason: str, count: int) -> None: ...

    def unauthorized(self, doubt: str, count: int) -> None:
        """Records whose sender is in doubt. doubt: an `agents.admit.Doubt`; callers are not told."""
        ...

    def shadowed(self, model_version: str, ended: str, latencies_s: Sequence[float]) -> None:
        """Requests that a challenger was to answer too. ended: `ok`, or a `schemas.shadow.ShadowCode`."""
        ...


class MonitorCounters(Protocol):
    """Where the monitor's stages count; a metric each."""

    def sketched(self, model_version: str, count: int) -> None:
        """Rows whose features were counted."""
        ...

    def unsketched(self, reason: str, count: int) -> None:
        """Rows that were not. reason: `no_reference`, `other_features`, `crashed`."""
        ...

    def scored(self, model_version: str, rows: int, outliers: int) -> None:
        """Rows that an outlier detector looked at, and those among them that it flags."""
        ...

    def unscored(self, reason: str, count: int) -> None:
        """Counted rows that none looked at. reason: `no_detector`, `refused`."""
        ...

    def filled(self, model: str, model_version: str, fill: float) -> None:
        """How full a version's present window is, 0..1."""
        ...

    def judged(self, model: str, model_version: str, phases: Sequence[str]) -> None:
        """A window was judged; what it did to episodes of drift."""
        ...

    def graded(self, model_version: str, role: str, count: int) -> None:
        """Answers whose truth is known that were counted."""
        ...

    def ungraded(self, reason: str, count: int) -> None:
        """Those that were not. reason: `repeated`, `revised`, `not_a_labelled_prediction`, `crashed`."""
        ...

    def concept(self, model: str, phases: Sequence[str]) -> None:
        """What became of a drift of what a model gets wrong."""
        ...
