"""Clients of S3 in front of the real one, each with one fault of a service or a network; and a rival."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.s3_store import S3Store


class Watched:
    """A client that remembers what it was asked."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.asked: list[str] = []

    def __getattr__(self, call: str) -> Any:
        self.asked.append(call)
        return getattr(self._client, call)


class Unconditional(Watched):
    """A service that takes no notice of If-None-Match."""

    def put_object(self, **given: Any) -> Any:
        given.pop("IfNoneMatch", None)
        return self._client.put_object(**given)


class Forgetful(Watched):
    """A network that loses the answer to the first marker, so that it is sent again."""

    def put_object(self, **given: Any) -> Any:
        if ".versions/" in given["Key"]:
            self._client.put_object(**given)
        return self._client.put_object(**given)


class Refusing(Watched):
    """A service that answers one call with an error; given a key's part, only where it is asked for such a key."""

    def __init__(self, client: Any, call: str, code: str, status: int, key: str = "") -> None:
        super().__init__(client)
        self._call, self._code, self._status, self._key = call, code, status, key

    def __getattr__(self, call: str) -> Any:
        return self._refuse if call == self._call else super().__getattr__(call)

    def _refuse(self, **given: Any) -> Any:
        if self._key not in given.get("Key", ""):
            return getattr(self._client, self._call)(**given)
        answer: Any = {
            "Error": {"Code": self._code, "Message": "said of AKIASECRET"},
            "ResponseMetadata": {"HTTPStatusCode": self._status},
        }
        raise ClientError(answer, self._call)


class Rival(dict[str, bytes]):
    """Files whose reading takes so long that another publishes the version meanwhile."""

    def __init__(self, store: S3Store, own: Mapping[str, bytes], others: Mapping[str, bytes]) -> None:
        super().__init__(own)
        self._store, self._others = store, others

    def __getitem__(self, file: str) -> bytes:
        if not self._store.versions("churn"):
            self._store.publish("churn", "v1", self._others)
        return super().__getitem__(file)
