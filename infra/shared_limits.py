"""Other limits for every key that spends from one bucket."""

from collections.abc import Callable
from datetime import datetime

from infra.key_arguments import Limits
from infra.key_repairs import Change
from infra.key_store import KeyStore
from schemas.keys import ApiKey


def set_limits(
    store: KeyStore, bucket: str, asked: Limits, at: datetime, changed: Callable[[ApiKey, ApiKey], Change]
) -> list[ApiKey]:
    """The keys in force of this bucket as they are then. Those which another makes meanwhile get the limits too."""
    done: dict[str, ApiKey] = {}

    def left(key: ApiKey) -> bool:
        return key.bucket == bucket and key.is_valid_at(at) and key.key_id not in done

    while olds := [key for key in store.all() if left(key)]:
        pairs = [(old, old.model_copy(update=asked._asdict())) for old in olds]
        store.put([changed(old, new) for old, new in pairs])
        done |= {new.key_id: new for _, new in pairs}
    return list(done.values())
