"""What is shown or kept, without the API keys that somebody put into it by mistake."""

import re

API_KEY = r"sk_(?:live|test)_[A-Za-z0-9_-]{43}"
"""An API key's form, for whoever looks for one."""

_BEGUN = re.compile(r"(sk_(?:live|test)_)[A-Za-z0-9_-]+")
_WHOLE = re.compile(rb"(?<=sk_live_|sk_test_)[A-Za-z0-9_-]{43,}")


def masked(text: str) -> str:
    """The text of an error or a log, with `…` in place of what follows a key's prefix: it may have been cut before."""
    return _BEGUN.sub(r"\1…", text) if "sk_" in text else text


def masked_bytes(content: bytes) -> bytes:
    """The content of a record, of the same length, with asterisks in place of whole keys: what is none stays."""
    return _WHOLE.sub(lambda found: b"*" * len(found[0]), content) if b"sk_" in content else content
