"""What one service of the stack is: the vocabulary shared by Kafka, Redis and Postgres."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from infra.local.process import Process


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where and how services start: directory of data, environment given, whether they die with us."""

    data_dir: Path
    environ: Mapping[str, str]
    leash: bool = False

    def log(self, name: str) -> Path:
        return self.data_dir / "log" / f"{name}.log"


@dataclass(frozen=True, slots=True)
class Service:
    """One service as it runs.

    how: `external`, `apache`, `server` or `wheel`. url: what goes into the environment; may hold a
    password when external, so print `address`. process: None when external.
    """

    name: str
    how: str
    version: str
    url: str
    process: Process | None = None

    @property
    def address(self) -> str:
        return without_password(self.url)


def without_password(url: str) -> str:
    """The part of a connection URL that is safe to print."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    socket = parts.query.partition("host=")[2].partition("&")[0]
    return f"{host or socket}{parts.path if host else ':' + parts.path.lstrip('/')}"
