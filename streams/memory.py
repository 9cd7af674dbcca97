"""Memory settings of processes."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""glibc's names for the options of mallopt."""

YOUNG_OBJECTS = 200_000
"""More than the batches in flight are made of, so that a steady stream sets off no collection: reference counts free
what a batch leaves, and only cycles wait for the collector."""

KEPT_BYTES = 64 * 1024 * 1024
MMAP_BYTES = 16 * 1024 * 1024


@contextmanager
def loading() -> Iterator[None]:
    """While modules are imported: what they make stays, and looking for garbage in it took a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settle() -> None:
    """Call once everything long-lived exists.

    glibc keeps what a batch frees: giving it back and faulting it in again for the next one took half of the time of
    encoding results. The garbage collector need not walk what stays.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(TRIM_THRESHOLD, KEPT_BYTES)
            libc.mallopt(TOP_PAD, KEPT_BYTES // 4)
            libc.mallopt(MMAP_THRESHOLD, MMAP_BYTES)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def first_to_go() -> None:
    """Short of memory, the kernel is to end this process and no other: it runs what nobody has tried before."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
