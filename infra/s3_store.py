"""The model store on S3 and on services that speak its protocol."""

import errno
import re
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import artifacts
from infra.s3_faults import NO_CONDITIONS, code, reaching_s3
from schemas.errors import BadSettings, BundleRefused
from schemas.routes import WORD

PATIENCE: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2, "mode": "standard"},
}
PAGE = 1000
LONGEST_PREFIX = 500
"""Characters: with the longest names a key stays below the 1024 bytes that S3 allows."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_DRAFT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class S3Store:
    """Objects `name/version/draft/file`, and for each version one `.versions/name/version` that names its draft.

    Objects have no rename: a draft is uploaded first, then the marker is written unless there is one. So a version
    appears whole, and of several publishers one wins, whose files no other touches.
    """

    client: Any
    bucket: str
    prefix: str = ""

    def publish(self, name: str, version: str, files: Mapping[str, bytes]) -> None:
        bodies = {file: BytesIO(content) for file, content in files.items()}
        draft = uuid4().hex
        folder = self._folder(name, version, draft)
        with reaching_s3(self.bucket):
            try:
                self._upload(folder, bodies)
                self._check_conditions(folder + min(bodies, key=lambda file: len(files[file])))
            except (ClientError, BadSettings):
                self._discard(folder, bodies)
                raise
            if not self._claim(name, version, draft):
                self._discard(folder, bodies)
                raise FileExistsError(errno.EEXIST, "the version exists")

    def fetch(self, name: str, version: str, only: Container[str] | None = None) -> dict[str, bytes]:
        with reaching_s3(self.bucket):
            folder = self._folder(name, version, self._draft(name, version))
            found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=folder, MaxKeys=PAGE).get("Contents", [])
            sizes = {entry["Key"].removeprefix(folder): entry["Size"] for entry in found}
            _check_found(f"{name} {version}", sizes)
            wanted = {file: size for file, size in sizes.items() if only is None or file in only}
            return {file: self._get(folder + file, size) for file, size in wanted.items()}

    def versions(self, name: str) -> list[str]:
        folder = self._marker(name, "")
        keys = (entry["Key"] for page in self._pages(folder) for entry in page.get("Contents", []))
        return _words(folder, keys)

    def names(self) -> list[str]:
        folder = f"{self.prefix}.versions/"
        pages = self._pages(folder, Delimiter="/")
        return _words(folder, (entry["Prefix"][:-1] for page in pages for entry in page.get("CommonPrefixes", [])))

    def _marker(self, name: str, version: str) -> str:
        return f"{self.prefix}.versions/{name}/{version}"

    def _folder(self, name: str, version: str, draft: str) -> str:
        return f"{self.prefix}{name}/{version}/{draft}/"

    def _upload(self, folder: str, bodies: Mapping[str, BytesIO]) -> None:
        # From a file in memory: of plain bytes all must be sent within the connection's timeout.
        for file, body in bodies.items():
            self.client.put_object(Bucket=self.bucket, Key=folder + file, Body=body)

    def _check_conditions(self, key: str) -> None:
        """A service that takes a condition for no more than a header would let a version be overwritten."""
        if self._put_new(key, b""):
            raise BadSettings(f"MODEL_STORE: s3://{self.bucket}: {NO_CONDITIONS}")

    def _claim(self, name: str, version: str, draft: str) -> bool:
        """Whether the version is this draft; a repeated write whose first answer was lost meets its own marker."""
        return self._put_new(self._marker(name, version), draft.encode()) or self._draft(name, version) == draft

    def _put_new(self, key: str, content: bytes) -> bool:
        try:
            self.client.put_object(Bucket=self.bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            if code(error) != "PreconditionFailed":
                raise
            return False
        return True

    def _discard(self, folder: str, files: Mapping[str, BytesIO]) -> None:
        """What stays all the same is seen by nobody."""
        with suppress(ClientError, BotoCoreError):
            for file in files:
                self.client.delete_object(Bucket=self.bucket, Key=folder + file)

    def _draft(self, name: str, version: str) -> str:
        marker = self.client.get_object(Bucket=self.bucket, Key=self._marker(name, version))
        with marker["Body"] as body:
            draft: str = body.read(33).decode("ascii", "replace")
        if not _DRAFT.fullmatch(draft):
            raise BundleRefused(f"the marker of {name} {version} was altered: remove the version")
        return draft

    def _get(self, key: str, size: int) -> bytes:
        found = self.client.get_object(Bucket=self.bucket, Key=key)
        with found["Body"] as body:
            if found["ContentLength"] != size:
                raise BundleRefused(f"{key.rpartition('/')[2]} changed while it was read: remove the version")
            content: bytes = body.read()
            return content

    def _pages(self, folder: str, **options: str) -> Iterator[dict[str, Any]]:
        with reaching_s3(self.bucket):
            pages = self.client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self.bucket, Prefix=folder, PaginationConfig={"PageSize": PAGE}, **options)


def open_bucket(path: str) -> S3Store:
    """The store at `bucket` or `bucket/prefix`. Raises BadSettings for what is no such place."""
    bucket, _, rest = path.partition("/")
    words = [word for word in rest.rstrip("/").split("/") if rest]
    if not _BUCKET.fullmatch(bucket) or len(rest) > LONGEST_PREFIX or not all(map(WORD.fullmatch, words)):
        hint = (
            "bucket being 3 to 63 of a-z, 0-9, '.' and '-', each part of the prefix letters, digits, '.', '_' and '-'"
        )
        raise BadSettings(f"MODEL_STORE is no s3:// URL: use s3://bucket or s3://bucket/prefix, {hint}")
    with reaching_s3(bucket):
        return S3Store(connect(), bucket, "".join(f"{word}/" for word in words))


@cache
def connect() -> Any:
    """One client a process, made from what boto3 finds in the environment. Raises BadSettings."""
    try:
        return boto3.session.Session().client("s3", config=Config(**PATIENCE))
    except ValueError as error:
        if isinstance(error, BotoCoreError):
            raise
        raise BadSettings("AWS_ENDPOINT_URL is no URL: use http://host:port or https://host") from error


def _words(folder: str, keys: Iterator[str]) -> list[str]:
    """Names below a folder, without what cannot be one."""
    return [word for key in keys if WORD.fullmatch(word := key.removeprefix(folder))]


def _check_found(version: str, sizes: Mapping[str, int]) -> None:
    if not 0 < len(sizes) <= artifacts.MOST_FILES:
        raise BundleRefused(f"{version} holds {len(sizes)} files, at most {artifacts.MOST_FILES} are read")
    for file, size in sizes.items():
        if not WORD.fullmatch(file):
            raise BundleRefused(f"{file[:100]!r} in {version} is no plain file: remove it from the store")
        if size > artifacts.LARGEST_FILE:
            raise BundleRefused(f"{file} has more than {artifacts.LARGEST_FILE} bytes: remove the version")
