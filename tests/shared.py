"""What is made once for all of pytest's processes."""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

VARIABLE = "WEIR_TESTS_SHARED"


def offer_folder() -> None:
    """A folder that the processes which this one starts find in their environment; it goes away with this one."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = folder = tempfile.mkdtemp(prefix="weir-shared-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def made_once(name: str, make: Callable[[], bytes]) -> bytes:
    """What the first process that asked has made; the others wait for it."""
    place = Path(os.environ[VARIABLE]) / name
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            partly = place.with_suffix(".partly")
            partly.write_bytes(make())
            partly.rename(place)
    return place.read_bytes()
