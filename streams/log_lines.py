"""One JSON line per event worth one."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from schemas.masked import masked

# At DEBUG botocore tells the session token too.
NOISY = (
    "faust",
    "streams.faust_consumer",
    "aiokafka",
    "mode",
    "alembic",
    "httpx",
    "httpcore",
    "uvicorn.access",
    "botocore",
)


class JsonLines(logging.Formatter):
    """One JSON object per log record: time, level, logger, role, message and what `extra={"data": {...}}` adds.

    None holds an API key, whoever logs.
    """

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "role": self._role,
            "message": record.getMessage(),
            **getattr(record, "data", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return masked(json.dumps(line, ensure_ascii=False, default=str))


def configure_logging(role: str, level: str) -> None:
    """Send every log line to standard error as JSON; the libraries below us from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(role))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)  # a model's, of numbers that are too large
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
