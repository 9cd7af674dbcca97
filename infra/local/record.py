"""What a data directory remembers: the lock of starts, what runs (`run.json`), the development secret."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.local.process import Process
from infra.local.service import Service
from schemas.errors import BadSettings


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory; raises BadSettings at once when another process holds it."""
    with (data_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSettings(
                f"another start or stop is at work on {data_dir}: wait for it to end, then try again"
            ) from None
        yield


def remember(data_dir: Path, services: Sequence[Service]) -> None:
    """Write what runs; of external services only that they are, for their URL may hold a password."""
    write_json(data_dir / "run.json", {"services": [as_json(service) for service in services]})


def as_json(service: Service) -> dict[str, Any]:
    plain = {"name": service.name, "how": service.how, "version": service.version}
    if service.process is None:
        return plain
    return {**plain, "url": service.url, "pid": service.process.pid, "created": service.process.created}


def recall(data_dir: Path) -> list[Service]:
    """What was remembered; nothing when the file is absent."""
    file = data_dir / "run.json"
    if not file.exists():
        return []
    return [from_json(plain) for plain in json.loads(file.read_text())["services"]]


def from_json(plain: dict[str, Any]) -> Service:
    ours = "pid" in plain
    process = Process(plain["name"], plain["pid"], plain["created"]) if ours else None
    return Service(plain["name"], plain["how"], plain["version"], plain.get("url", ""), process)


def forget(data_dir: Path) -> None:
    (data_dir / "run.json").unlink(missing_ok=True)


def write_json(file: Path, content: object) -> None:
    """Replace the file whole: a reader sees the old content or the new."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=1))
    os.replace(fresh, file)


def master_secret(data_dir: Path) -> str:
    """The development secret of this directory, made on first use and readable by its owner only."""
    file = data_dir / "master-secret"
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_urlsafe(32))
    return file.read_text()
