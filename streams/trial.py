"""A bundle tried in a process of its own: one that hangs or takes its process down costs an answer and no agent."""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import BundleRefused, Unavailable
from streams.bundles import BundleStore
from streams.memory import first_to_go

PROGRAM = (sys.executable, "-m", "streams.trial")
GRACE_S = 1.0
"""After which a process that should have ended itself is ended."""


async def tried(
    url: str, name: str, version: str, within_s: float, program: Sequence[str] = PROGRAM
) -> Mapping[str, Any]:
    """What the registry says of a version that may serve: digest, algorithm, metrics.

    url: of the store. Raises BundleRefused, also where it is not done within `within_s` seconds or ends its process;
    Unavailable.
    """
    asked = url, name, version, str(within_s)
    process = await asyncio.create_subprocess_exec(*program, *asked, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(within_s + GRACE_S):
            told, _ = await process.communicate()
    except TimeoutError:
        told = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    verdict = _verdict(told) if process.returncode == 0 else None
    if verdict is None:
        raise BundleRefused(f"{name} {version} {_ended(process.returncode or 0, within_s)}")
    if "refused" in verdict:
        raise BundleRefused(verdict["refused"])
    if "unavailable" in verdict:
        raise Unavailable(*verdict["unavailable"])
    return verdict


def _verdict(told: bytes) -> Mapping[str, Any] | None:
    """What its last line says; None where the process went before it had said anything."""
    try:
        found = json.loads(told.splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _ended(code: int, within_s: float) -> str:
    if -code in (signal.SIGALRM, signal.SIGKILL):
        return f"was not loaded and tried within {within_s:g} s and the memory there is: try a smaller one"
    return f"ends the process that loads it ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"


def main(arguments: Sequence[str]) -> None:
    """Print how the trial ended, as JSON."""
    url, name, version, within_s = arguments
    signal.setitimer(signal.ITIMER_REAL, float(within_s))  # whoever asked may have died meanwhile
    first_to_go()
    print(json.dumps(trial(BundleStore(url), name, version)))


def trial(store: BundleStore, name: str, version: str) -> Mapping[str, Any]:
    """How it ended, as JSON values that `tried` reads."""
    try:
        manifest = store.load(name, version).manifest
    except BundleRefused as error:
        return {"refused": str(error)}
    except Unavailable as error:
        return {"unavailable": [error.dependency, str(error).removeprefix(f"{error.dependency}: ")]}
    return {"digest": manifest.digest, "algorithm": manifest.algorithm, "metrics": dict(manifest.metrics)}


if __name__ == "__main__":
    main(sys.argv[1:])
