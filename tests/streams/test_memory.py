"""While a role loads nobody looks for garbage, and afterwards somebody does again."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from streams import memory

LOOKS = """
import gc, sys

class Look:
    def find_spec(self, name, *_):
        if name == "streams.worker":
            sys.exit("collecting" if gc.isenabled() else "not collecting")

sys.meta_path.insert(0, Look())
from streams.cli import main
sys.argv = ["weir", "run", "sink"]
main()
"""


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_modules_make_is_not_looked_through() -> None:
    before = gc.get_freeze_count()
    with memory.loading():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)


@pytest.mark.usefixtures("thawed")
def test_a_module_that_is_missing_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), memory.loading():
        raise ImportError("no such module")
    assert gc.isenabled()


def test_a_role_loads_without_collections() -> None:
    ended = subprocess.run([sys.executable, "-c", LOOKS], env=os.environ, capture_output=True, text=True, timeout=60)
    assert ended.stderr == "not collecting\n"
