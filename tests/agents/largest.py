"""The request that is read and has the largest result, and the model that it is for."""

from dataclasses import replace
from typing import Any

import numpy as np

from models.bundle import Bundle
from models.signature import Feature, Signature
from schemas.request import MAX_ROWS
from schemas.wire import MAX_BODY_BYTES

NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345"
"""As many features as MAX_ROWS rows have room for."""


class Steady:
    """Answers every row with the same probability, one that is long to write."""

    def score(self, matrix: Any) -> Any:
        return np.full(len(matrix), 0.012345678901234567)


def asking_for_most(bundle: Bundle, classes: tuple[str, str] = ("stays", "leaves")) -> Bundle:
    """The model whose requests grow most on their way into a result: every name is one letter."""
    signature = Signature(tuple(Feature(name, "float") for name in NAMES), "churn", classes)
    return Bundle(replace(bundle.manifest, signature=signature), Steady())


def largest_request() -> bytes:
    """A body of 1 MiB, full of short texts for numbers that are long to write."""
    row = b"{" + b",".join(b'"%c":1e15' % ord(name) for name in NAMES) + b"}"
    body = b'{"rows":[' + b",".join([row] * MAX_ROWS) + b"]}"
    assert len(body) <= MAX_BODY_BYTES
    return body + b" " * (MAX_BODY_BYTES - len(body))
