"""Notices that a topic was deleted and made again under a running worker: it would wait for offsets that never come."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from schemas.errors import Unavailable
from streams.settings import Settings
from streams.topics import Topic, log_ids

CHECK_S = 30.0

_log = logging.getLogger("weir.worker")


async def replaced_log(
    settings: Settings, topics: Sequence[Topic], known: Mapping[str, str], every_s: float = CHECK_S
) -> None:
    """Returns never; raises Unavailable once one of the topics is another log than the one known (see `log_ids`)."""
    while True:
        await asyncio.sleep(every_s)
        try:
            present = await asyncio.to_thread(log_ids, settings, topics)
        except Unavailable as error:
            _log.warning("whether topics were made anew is not known: %s", error)
            continue
        if replaced := sorted(name for name in present if present[name] != known[name]):
            raise Unavailable("kafka", f"made anew under this worker, which must start again: {', '.join(replaced)}")
