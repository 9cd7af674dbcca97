"""A request to paste into a shell."""

import json
from collections.abc import Mapping
from typing import Any

WIDTH = 72


def curl(url: str, api_key: str, entity: str, features: Mapping[str, Any]) -> str:
    """The command that asks the gateway about one customer, in lines of at most 80 columns."""
    lines, line = [], ""
    for item in (f"{json.dumps(name)}: {json.dumps(value)}, " for name, value in features.items()):
        if len(line) + len(item) > WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += item
    lines.append(line.rstrip(", "))
    body = "\n    ".join(lines)
    return (
        f"curl {url}/predict \\\n  -H 'X-API-Key: {api_key}' \\\n"
        f"""  -d '{{"entity": {json.dumps(entity)}, "features": {{\n    {body}}}}}'"""
    )
