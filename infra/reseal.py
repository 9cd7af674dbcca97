"""Rotation of the master secret: every signing key sealed anew under the present one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from infra.key_repairs import Change
from infra.key_store import KeyStore
from infra.sealing import Sealer
from schemas.events import KeyAction
from schemas.keys import ApiKey

AT_ONCE = 500
"""Keys that are written together: what another changes meanwhile is found before the next are."""

Progress = Callable[[int, int], None]
"""Told how many of how many keys are done."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of the keys. done: sealed anew. unopened: left alone, as neither secret opens them."""

    done: int
    unopened: Sequence[ApiKey]


class Changed(Protocol):
    """Makes a change of a key, with its audit event."""

    def __call__(self, action: KeyAction, before: ApiKey | None, after: ApiKey, at: datetime, /) -> Change: ...


def reseal(store: KeyStore, sealer: Sealer, at: datetime, changed: Changed, progress: Progress) -> Resealed:
    """Seals anew what opens under the previous secret only; what is done already stays as it is.

    Ended keys too: feedback that they signed before may still lie on its topic. Keys are read anew before each part;
    what another changes between that and the writing, the store puts back.
    """
    done = 0
    while True:
        stale: list[ApiKey] = []
        unopened: list[ApiKey] = []
        for key in store.all():
            if not sealer.is_current(key.key_id, key.sealed_signing_key):
                (stale if sealer.opens(key.key_id, key.sealed_signing_key) else unopened).append(key)
        progress(done, done + len(stale))
        if not stale:
            return Resealed(done, unopened)
        part = stale[:AT_ONCE]
        store.put([changed("key_resealed", key, _sealed_anew(key, sealer), at) for key in part])
        done += len(part)


def _sealed_anew(key: ApiKey, sealer: Sealer) -> ApiKey:
    opened = sealer.open(key.key_id, key.sealed_signing_key)
    return key.model_copy(update={"sealed_signing_key": sealer.seal(key.key_id, opened)})
