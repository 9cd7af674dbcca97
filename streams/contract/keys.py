"""The routes of API keys."""

from typing import Any

from streams.contract.bodies import KeyList, KeyMade, KeyShown, NewKeyTerms, Rotation
from streams.contract.common import NONE, OF_BODIES, TEXT, WRONG, guarded
from streams.contract.operation import JSON, Answer, Body, Operation, Parameter

SHOWN: dict[str, Any] = {
    "id": "x7Qm2kPz9Lw",
    "name": "shop",
    "permissions": ["predict"],
    "limit": 10000,
    "burst": 1000,
    "tier": "premium",
    "owner": None,
    "pooled": False,
    "created": "2026-11-27T09:00:00+00:00",
    "expires": None,
    "revoked": None,
    "family": "x7Qm2kPz9Lw",
    "rotated_to": None,
    "state": "valid",
}
MADE = Answer(
    201, "The new key: no other answer shows it.", KeyMade, ("Location",), example={"key": "sk_live_…", **SHOWN}
)
KEY = Answer(200, "The key as it is now.", KeyShown, example=SHOWN)

LIST_KEYS = Operation(
    "GET", "/keys", "listKeys", "keys", "Every key, never the keys themselves", "admin",
    guarded("admin", Answer(200, "The oldest first.", KeyList, example={"keys": [SHOWN]})),
)  # fmt: skip
CREATE_KEY = Operation(
    "POST", "/keys", "createKey", "keys", "A new key", "admin",
    guarded("admin", *OF_BODIES, MADE),
    body=Body({JSON: NewKeyTerms}, {JSON: {"name": "shop", "tier": "premium"}}),
    about="A 503 does not tell whether it was made: look at `GET /keys` before you repeat it.",
)  # fmt: skip
SHOW_KEY = Operation(
    "GET", "/keys/{key_id}", "getKey", "keys", "One key, in force or not", "admin",
    guarded("admin", KEY, NONE),
)  # fmt: skip
REVOKE_KEY = Operation(
    "DELETE", "/keys/{key_id}", "revokeKey", "keys", "Revokes a key", "admin",
    guarded("admin", KEY, NONE, WRONG),
    query=(Parameter("reason", TEXT, "Why, for the audit event."),),
    about="Everywhere within two seconds; a second time changes nothing.",
)  # fmt: skip
ROTATE_KEY = Operation(
    "POST", "/keys/{key_id}/rotate", "rotateKey", "keys", "A new key in another's place", "admin",
    guarded("admin", *OF_BODIES, MADE, NONE),
    body=Body({JSON: Rotation}, {JSON: {"grace": "24h"}}, required=False),
    about="Both are valid until the grace period ends: 24 h unless given.",
)  # fmt: skip

OPERATIONS = (LIST_KEYS, CREATE_KEY, SHOW_KEY, REVOKE_KEY, ROTATE_KEY)
