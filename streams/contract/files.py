"""The descriptions as files: what the next version is held against."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import BadSettings
from streams.contract.asyncapi import asyncapi
from streams.contract.changes import Change, changes
from streams.contract.openapi import openapi

DESCRIPTIONS: Mapping[str, Callable[[], dict[str, Any]]] = {"openapi.json": openapi, "asyncapi.json": asyncapi}
"""File -> what it describes as it is now."""


def text(name: str) -> bytes:
    """The content of the file, as it would be written now."""
    return orjson.dumps(DESCRIPTIONS[name](), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write(folder: Path) -> list[Path]:
    """Write each description into the folder."""
    paths = [folder / name for name in DESCRIPTIONS]
    for path in paths:
        path.write_bytes(text(path.name))
    return paths


def compare(folder: Path) -> dict[str, list[Change]]:
    """By file, what is otherwise now. Raises BadSettings where there is no such file, or none of this kind."""
    return {name: changes(_read(folder / name, made), made) for name, made in _made().items()}


def _made() -> dict[str, Any]:
    # By way of JSON: tuples of ours are lists in a file.
    return {name: orjson.loads(text(name)) for name in DESCRIPTIONS}


def _read(path: Path, made: Mapping[str, Any]) -> Any:
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        told = f"{path} cannot be read ({error.strerror}): name its folder (--against), or `weir contract write` it"
        raise BadSettings(told) from error
    except orjson.JSONDecodeError as error:
        raise BadSettings(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or next(iter(made)) not in found:
        raise BadSettings(f"{path} is no {path.stem} document")
    return found
