"""Names that only the platform can tell from each other."""

import hmac

from schemas.signing import derived_key

_LABEL = b"weir/pseudonym/v1"


def pseudonym(name: str, master_secret: str) -> str:
    """Hex HMAC-SHA256 of the name: a plain digest of a customer's number would be found by trying all numbers."""
    return hmac.digest(derived_key(master_secret, _LABEL), name.encode(), "sha256").hex()
