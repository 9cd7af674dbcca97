"""An S3 service of the tests' own, moto's, and buckets in it that nobody else has."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra import s3_store
from infra.local.process import await_ready, free_port, listening, spawn, stop


@contextmanager
def moto(folder: Path) -> Iterator[str]:
    """A server for as long as the block lasts: its URL."""
    port, log = free_port(), folder / "moto.log"
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = spawn("moto", argv, log=log, environ=os.environ, leash=True)
    try:
        await_ready(process, log, lambda: listening(port), within=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def environment(endpoint: str) -> dict[str, str]:
    """What boto3 reads, and nothing of this machine's own."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing-that-opens-anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def new_client() -> Iterator[Any]:
    """The store's client, made anew from the environment as it is now, and closed after the block."""
    s3_store.connect.cache_clear()
    try:
        yield s3_store.connect
    finally:
        if s3_store.connect.cache_info().currsize:
            s3_store.connect().close()
        s3_store.connect.cache_clear()
