"""API keys: made, checked, revoked, rotated, limited. Each change of a key is one audit event."""

import copy
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self, Unpack

from infra.acting_user import acting_user
from infra.first_key import first_admin, make_first
from infra.key_arguments import (
    DAY,
    changed_limits,
    check_flag,
    check_grace,
    check_in_force,
    check_name,
    check_owner,
    check_reason,
    limits,
    pool_limits,
    wrong,
)
from infra.key_repairs import Change
from infra.key_store import KeyStore
from infra.new_key import NewKey, Terms, make_key, successor
from infra.reseal import Progress, Resealed, reseal
from infra.sealing import Sealer
from infra.shared_limits import set_limits
from schemas.events import KeyAction, key_changed
from schemas.keys import DEFAULT_PER_HOUR, PERMISSIONS, ApiKey, check_permissions, expiry, hash_api_key, looks_like_key

Clock = Callable[[], datetime]
"""Now, in UTC."""


class KeyManager:
    """Changes keys in a store, in somebody's name.

    actor: whom audit events name; the machine's user unless given. default_rate_limit, default_burst: of a key that
    names neither a limit nor a tier. Every method raises Unavailable while the store cannot be reached; a change may
    then have been made or not.
    """

    def __init__(
        self,
        store: KeyStore,
        sealer: Sealer,
        clock: Clock = lambda: datetime.now(UTC),
        *,
        actor: str | None = None,
        default_rate_limit: int = DEFAULT_PER_HOUR,
        default_burst: int | None = None,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._actor = actor or acting_user()
        self._default = (default_rate_limit, default_burst)

    def acting(self, actor: str) -> Self:
        """This manager in another's name."""
        other = copy.copy(self)
        other._actor = actor
        return other

    def create_key(
        self,
        name: str,
        permissions: Sequence[str] | None = None,
        rate_limit: int | None = None,
        expires_in_days: int | None = None,
        **terms: Unpack[Terms],
    ) -> str:
        """A new key: its plain text, which is kept nowhere and cannot be shown again.

        permissions: of predict (the default), monitor, admin. rate_limit: tokens per hour, else the tier's.
        Raises InvalidRequest naming the argument that is wrong.
        """
        return self.new_key(name, permissions, rate_limit, expires_in_days, **terms).api_key

    def new_key(
        self,
        name: str,
        permissions: Sequence[str] | None = None,
        rate_limit: int | None = None,
        expires_in_days: int | None = None,
        *,
        reason: str | None = None,
        **terms: Unpack[Terms],
    ) -> NewKey:
        """As `create_key`, with the key's record."""
        now, pooled = self._clock(), check_flag("pooled", terms.get("pooled", False))
        facts: dict[str, Any] = {
            "name": check_name(name),
            "permissions": check_permissions(["predict"] if permissions is None else permissions),
            "expires_at": expiry(now, expires_in_days),
            "owner": check_owner(terms.get("owner"), pooled),
            "test": check_flag("test", terms.get("test", False)),
        }
        asked = limits(rate_limit, terms.get("tier"), terms.get("burst"), self._default)
        pool = [key for key in self._store.all() if key.pooled and key.owner == facts["owner"]] if pooled else []
        shared = next((key for key in pool if key.is_valid_at(now)), None)
        if shared is not None:
            asked = pool_limits(shared, rate_limit, terms.get("tier"), terms.get("burst"))
        made = make_key(self._sealer, now, **facts, pooled=pooled, **asked._asdict())
        self._store.put([self._change("key_created", None, made.key, now, reason)._replace(base=shared)])
        return made

    def bootstrap(self, name: str) -> NewKey:
        """The first admin key, with every permission. Raises InvalidRequest where an admin key is in force already."""
        return make_first(
            lambda: first_admin(self._store.all(), self._sealer, self._clock()),
            lambda: self.new_key(name, PERMISSIONS, reason="bootstrap"),
            self.revoke_key,
        )

    def validate_key(self, api_key: str) -> ApiKey | None:
        """The key's record, or None where it is unknown, expired or revoked."""
        if not looks_like_key(api_key):
            return None
        wanted, now = hash_api_key(api_key), self._clock()
        return next((key for key in self._store.all() if key.key_hash == wanted and key.is_valid_at(now)), None)

    def revoke_key(self, key_id: str, *, reason: str | None = None) -> bool:
        """True where this call revoked the key, False where it is unknown or was revoked before."""
        key, now = self._store.get(key_id), self._clock()
        if key is None or key.revoked_at is not None:
            return False
        self._store.put([self._change("key_revoked", key, key.revoked(now), now, reason)])
        return True

    def rotate_key(self, key_id: str, grace: timedelta | str = DAY, *, reason: str | None = None) -> NewKey | None:
        """A new key in the place of one in force; None where that is unknown.

        grace: how long the old one lives on at most, a timedelta or text as `24h`; `now` revokes it at once. Raises
        InvalidRequest.
        """
        length, old, now = check_grace(grace), self._store.get(key_id), self._clock()
        if old is None:
            return None
        check_in_force(old, now)
        if old.rotated_to is not None:
            raise wrong("key_id", f"must not be rotated twice: rotate {old.rotated_to}, which took its place", key_id)
        new = successor(self._sealer, now, old)
        ended = old.ending(now + length) if length else old.revoked(now)
        ended = ended.model_copy(update={"rotated_to": new.key.key_id})
        created = self._change("key_created", None, new.key, now, f"in place of {key_id}")._replace(base=old)
        self._store.put([created, self._change("key_rotated", old, ended, now, reason)])
        return new

    def set_tier(
        self, key_id: str, tier: str | None = None, *, rate_limit: int | None = None, burst: int | None = None,
        reason: str | None = None,
    ) -> list[ApiKey]:  # fmt: skip
        """Other limits for a key in force and for all that share its bucket: those keys, none where it is unknown.

        A limit overrides its tier's; a burst alone leaves the limit. Raises InvalidRequest.
        """
        key, now = self._store.get(key_id), self._clock()
        if key is None:
            return []
        check_in_force(key, now)
        asked = changed_limits(key, rate_limit, tier, burst)

        def changed(old: ApiKey, new: ApiKey) -> Change:
            return self._change("key_tier_changed", old, new, now, reason)

        return set_limits(self._store, key.bucket, asked, now, changed)

    def reseal(self, progress: Progress = lambda done, total: None) -> Resealed:
        """Seals every signing key that opens under the previous master secret under the present one."""
        return reseal(self._store, self._sealer, self._clock(), self._change, progress)

    def list_keys(self) -> list[ApiKey]:
        """Every key, revoked and expired ones too, the oldest first."""
        return sorted(self._store.all(), key=lambda key: key.created_at)

    def get(self, key_id: str) -> ApiKey | None:
        """The key with this id, valid or not."""
        return self._store.get(key_id)

    def _change(
        self, action: KeyAction, before: ApiKey | None, after: ApiKey, at: datetime, reason: str | None = None
    ) -> Change:
        text = None if reason is None else check_reason(reason)
        return Change(after, key_changed(action, before, after, actor=self._actor, at=at, reason=text), before)
