"""The first admin key: made where none is in force, and kept by one of those who make it at the same time."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from infra.new_key import NewKey
from infra.sealing import Sealer
from schemas.errors import InvalidRequest, Unavailable
from schemas.keys import ApiKey

_log = logging.getLogger("weir.keys")


class Revoke(Protocol):
    """Revokes a key by its id."""

    def __call__(self, key_id: str, *, reason: str) -> object: ...


def first_admin(keys: Iterable[ApiKey], sealer: Sealer, now: datetime) -> ApiKey | None:
    """Of the keys as they come, the first in force that may `admin` and opens."""
    admins = (key for key in keys if key.may("admin") and key.is_valid_at(now))
    return next((key for key in admins if sealer.opens(key.key_id, key.sealed_signing_key)), None)


def make_first(find: Callable[[], ApiKey | None], make: Callable[[], NewKey], revoke: Revoke) -> NewKey:
    """The key that is made where none is found; revoked again where another then is found to have come before it.

    Raises InvalidRequest naming the key that is there.
    """
    if (there := find()) is not None:
        raise _taken(there)
    made = make()
    try:
        first = find()
    except Unavailable as error:  # the plain key would be lost
        _log.warning("whether another was made at the same time is not known, see `weir keys list`: %s", error)
        return made
    if first is None or first.key_id == made.key.key_id:
        return made
    revoke(made.key.key_id, reason=f"{first.key_id} was made at the same time")
    raise _taken(first)


def _taken(key: ApiKey) -> InvalidRequest:
    return InvalidRequest(
        f"{key.key_id} ({key.name}) is an admin key in force: it makes others by POST /keys. Where it is lost, make "
        "one with `weir keys create --permission admin`, and revoke it"
    )
