"""How tests are spread over pytest's processes: the longest first, and together what shares a running platform."""

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadFileScheduling

FROM_OUTSIDE = (
    "tests/e2e/",
    "tests/streams/test_hosts.py",
    "tests/streams/cli/test_demo.py",
    "tests/faults/",
    "tests/bench/",
    "tests/docs/",
)
"""They look at other processes."""
LONGEST_FIRST = (*FROM_OUTSIDE, "tests/infra/local/")
TOGETHER = ("tests/e2e/",)
"""One process starts the roles once for all of them."""
ALONE = (
    "tests/e2e/test_alerts.py",
    "tests/e2e/test_arms.py",
    "tests/e2e/test_control.py",
    "tests/e2e/test_csv_model.py",
    "tests/e2e/test_drift.py",
    "tests/e2e/test_hosts_e2e.py",
    "tests/e2e/test_judged.py",
    "tests/e2e/test_key_lifecycle.py",
    "tests/e2e/test_plaintext_keys.py",
    "tests/e2e/test_quality.py",
    "tests/e2e/test_retrain.py",
    "tests/e2e/test_routes.py",
    "tests/e2e/test_shadow.py",
)
"""They start roles of their own, and use no others."""
APART = ("tests/streams/test_hosts.py", "tests/faults/")
"""Each test has processes of its own; those of one host stand together."""


class Spread(LoadFileScheduling):
    """Files, but for those named above."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def unit(nodeid: str) -> str:
    """What is run by one process, one test after the other."""
    file, _, test = nodeid.partition("::")
    if file in ALONE:
        return file
    for folder in TOGETHER:
        if file.startswith(folder):
            return folder
    host = test.partition("[")[2].rstrip("]")
    return f"{file}[{host}]" if file.startswith(APART) and host in ("faust", "bare") else file


def sort(items: list[pytest.Item]) -> None:
    """The longest come first: one that begins last would have a machine to itself."""
    items.sort(key=lambda item: _place(item.nodeid, LONGEST_FIRST))


def _place(nodeid: str, prefixes: Sequence[str]) -> int:
    return next((place for place, prefix in enumerate(prefixes) if nodeid.startswith(prefix)), len(prefixes))
