"""What is asked for, as the signed record that asks for it."""

import re
import time
from typing import NamedTuple, Self

from schemas.errors import BadSettings
from schemas.feedback import Feedback, feedback_body
from schemas.keys import looks_like_key
from schemas.message import Emission
from schemas.request import new_request_id
from schemas.signing import signing_key
from streams.requests import Features, ReplyTo, check_entity, check_request_id, request_body, signed_request

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{11}\Z")


class Ask(NamedTuple):
    """One prediction asked for.

    features: of one row, or a list of several rows' (answered together under `rows`). entity: whom it is about,
    the request id where it is left out. request_id: the same id twice is one request.
    explain: whether the answer shall name the features that it is owed to, which costs more tokens.
    """

    features: Features
    entity: str | None = None
    model: str | None = None
    request_id: str | None = None
    explain: bool = False

    def named(self) -> Self:
        """The same under an id, made up where it has none: asked again, it is the same request."""
        return self if self.request_id is not None else self._replace(request_id=new_request_id())


class Signer:
    """Signs under one API key, which itself never leaves the process. Raises BadSettings where it is none."""

    def __init__(self, api_key: str, key_id: str) -> None:
        if not isinstance(api_key, str) or not looks_like_key(api_key):
            raise BadSettings("api_key is not of the form sk_live_… with 51 characters; see `weir keys create`")
        if not isinstance(key_id, str) or _KEY_ID.match(key_id) is None:
            raise BadSettings("key_id is missing or not 11 characters: `weir keys list` shows it beside the name")
        self._key_id = key_id
        self._signing_key = signing_key(api_key)

    def request(self, topic: str, ask: Ask, timeout_s: float | None = None, reply: ReplyTo | None = None) -> Emission:
        """The record of an ask that has an id. Raises InvalidRequest naming what is wrong."""
        request_id = check_request_id(ask.request_id)
        entity = request_id if ask.entity is None else check_entity(ask.entity)
        body = request_body(ask.features, entity=entity, model=ask.model, explain=ask.explain)
        return self.sign(topic, body, entity, request_id, timeout_s, reply)

    def feedback(self, topic: str, label: Feedback) -> Emission:
        """The record of one label."""
        return self.sign(topic, feedback_body(label), label.request_id, label.request_id)

    def sign(
        self,
        topic: str,
        body: bytes,
        entity: str,
        request_id: str,
        timeout_s: float | None = None,
        reply: ReplyTo | None = None,
    ) -> Emission:
        """A record signed as of now; with `timeout_s` seconds until its deadline."""
        now_ms = time.time_ns() // 1_000_000
        return signed_request(
            topic,
            body,
            entity=entity,
            request_id=request_id,
            key_id=self._key_id,
            signing_key=self._signing_key,
            now_ms=now_ms,
            deadline_ms=None if timeout_s is None else now_ms + int(timeout_s * 1000),
            reply=reply,
        )
