"""A key as those who administer keys are shown it, by command and over HTTP."""

from datetime import datetime
from typing import Any

from schemas.keys import ApiKey


def shown_key(key: ApiKey, now: datetime) -> dict[str, Any]:
    """What a key is and may, never what would let anyone use it; times in ISO 8601."""
    return {
        "id": key.key_id,
        "name": key.name,
        "permissions": sorted(key.permissions),
        "limit": key.rate_limit,
        "burst": key.capacity,
        "tier": key.tier,
        "owner": key.owner,
        "pooled": key.pooled,
        "created": key.created_at.isoformat(),
        "expires": None if key.expires_at is None else key.expires_at.isoformat(),
        "revoked": None if key.revoked_at is None else key.revoked_at.isoformat(),
        "family": key.line,
        "rotated_to": key.rotated_to,
        "state": _state(key, now),
    }


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "valid" if key.is_valid_at(now) else "expired"
