"""A platform from its first topic to the last look at its logs."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests import stack
from tests.e2e.platform import Platform
from tests.e2e.workers import check_logs, run_cli


@contextmanager
def platform_on(
    given: Mapping[str, str], database: str, models: Path, folder: Path, host: str = "faust", *, measured: bool = False
) -> Iterator[Platform]:
    """A platform; afterwards no log may hold an exception or a secret. measured: its lines count as covered."""
    platform = Platform(given, database, models, folder, host)
    if measured:
        platform.environment = stack.measured(platform.environment)
    try:
        yield platform
        for worker in platform.workers:
            if worker.running:
                worker.stop()
        check_logs(platform.workers, platform.secrets, platform.expected_errors)
    except BaseException:
        for worker in platform.workers:
            print(f"--- {worker.log.name}\n{worker.log.read_text()[-8000:]}")
        raise
    finally:
        platform.close()


def trained_store(folder: Path) -> Path:
    """A model store with one small bundle, made once per session.

    Its profile is of 5000 rows, three in five; twice as many outliers as its contamination are too many to be chance.
    """
    if not folder.exists():
        environment = {**os.environ, "MODEL_STORE": folder.as_uri()}
        made = run_cli(["models", "train", "--rows", "8334", "--contamination", "0.05", "--json"], environment)
        assert json.loads(made.stdout)
    return folder
