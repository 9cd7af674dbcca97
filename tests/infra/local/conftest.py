import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.local.stack import RunningStack, start
from tests.stack import without_services


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory with a short path, for sockets, below one that everybody may pass."""
    with tempfile.TemporaryDirectory(prefix="weir-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def bare_environ() -> dict[str, str]:
    """The environment with no service named in it."""
    return without_services(os.environ)


@pytest.fixture
def wheel_environ(bare_environ: dict[str, str]) -> dict[str, str]:
    return {**bare_environ, "WEIR_STACK": "wheel"}


@pytest.fixture
def begin(folder: Path) -> Iterator[Callable[[dict[str, str]], RunningStack]]:
    """Starts stacks on `folder`; what still runs afterwards is stopped."""
    with ExitStack() as stacks:

        def begin(environ: dict[str, str]) -> RunningStack:
            stack = start(folder, environ, leash=True, report=lambda line: None)
            stacks.callback(stack.stop)
            return stack

        yield begin
