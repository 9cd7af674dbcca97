"""A model that did not answer: what its caller is told, and what the log has besides."""

import logging
from typing import Any
from uuid import uuid4

from agents.candidate import Candidate
from schemas.masked import masked
from schemas.result import refusal

_log = logging.getLogger("weir.score")


class ModelFailed(Exception):
    """The model raised instead of answering."""


def no_answer(candidate: Candidate, version: str, what: str, cause: BaseException | None = None) -> dict[str, Any]:
    """The error of a result, under an id that the log has too. what: how the model failed. cause: for the log alone."""
    error_id = str(uuid4())
    facts = {"error_id": error_id, "request_id": candidate.request_id, "model_version": version}
    if cause is not None:
        facts["cause"] = f"{type(cause).__name__}: {masked(str(cause))[:500]}"
    _log.warning("the model %s", what, extra={"data": facts})
    message = f"the model {what} for these features; name the error id to the operator"
    return refusal("model_failed", message, error_id=error_id)
