"""The search for secrets in bytes: in every form in which one could lie there, also amidst other text."""

import base64
from collections.abc import Iterator, Sequence

from schemas.signing import signing_key


def secrets_of(api_key: str) -> dict[str, bytes]:
    """What lets somebody use a key: the whole of it, its random part as text and as bytes, and what signs for it."""
    random = api_key.split("_", 2)[2]
    return {
        "key": api_key.encode(),
        "random part": random.encode(),
        "random bytes": base64.urlsafe_b64decode(random + "="),
        "signing key": signing_key(api_key),
    }


def forms_of(secret: bytes) -> dict[str, bytes]:
    """A secret raw, in hex and in both alphabets of base64, wherever within the encoded text it begins."""
    forms = {"raw": secret, "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode()}
    for shift in range(3):
        kept = (len(secret) + shift) // 3 * 4
        begin = -(-shift * 4 // 3)
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            forms[f"{name} at {shift}"] = encode(b"\0" * shift + secret)[begin:kept]
    return forms


def leaks(everything: bytes, api_keys: Sequence[str]) -> list[str]:
    """Which secrets of these keys stand in which form in the bytes."""
    return list(_found(everything, api_keys))


def _found(everything: bytes, api_keys: Sequence[str]) -> Iterator[str]:
    for number, api_key in enumerate(api_keys):
        for name, secret in secrets_of(api_key).items():
            for form, text in forms_of(secret).items():
                if text in everything:
                    yield f"{name} of key {number}, {form}"
