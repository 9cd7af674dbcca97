"""The model store: versions of bundles as immutable sets of files, behind a URL."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from schemas.errors import BadSettings, BundleRefused, Unavailable
from schemas.routes import WORD

T = TypeVar("T")

LARGEST_FILE = 256 * 1024 * 1024
MOST_FILES = 16


class Store(Protocol):
    """Where bundles lie. A version is written once and never changes."""

    def publish(self, name: str, version: str, files: Mapping[str, bytes]) -> None: ...

    def fetch(self, name: str, version: str, only: Container[str] | None = None) -> dict[str, bytes]: ...

    def versions(self, name: str) -> list[str]: ...

    def names(self) -> list[str]: ...


@dataclass(frozen=True)
class FileStore:
    """Folders `root/name/version`, each appearing whole by one rename."""

    root: Path

    def publish(self, name: str, version: str, files: Mapping[str, bytes]) -> None:
        folder = self.root / name / version
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
        try:
            for file, content in files.items():
                _write(draft / file, content)
            draft.chmod(0o755)
            draft.rename(folder)
            _sync(folder.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def fetch(self, name: str, version: str, only: Container[str] | None = None) -> dict[str, bytes]:
        paths = sorted((self.root / name / version).iterdir())
        if len(paths) > MOST_FILES:
            raise BundleRefused(f"{name} {version} holds {len(paths)} files, at most {MOST_FILES} are read")
        for path in paths:
            _check_file(path)
        return {path.name: path.read_bytes() for path in paths if only is None or path.name in only}

    def versions(self, name: str) -> list[str]:
        return _folders(self.root / name)

    def names(self) -> list[str]:
        return [name for name in _folders(self.root) if self.versions(name)]


def publish(store_url: str, name: str, version: str, files: Mapping[str, bytes]) -> None:
    """Add a version, whole or not at all; the same content again is a no-op.

    Raises BundleRefused for names that leave the store, files that are too large, and a version that exists
    with other content.
    """
    store = open_store(store_url)
    _check_words(name, version, *files)
    _check_sizes(files)
    if version not in versions(store_url, name):
        try:
            return store.publish(name, version, files)
        except OSError as error:
            if version not in versions(store_url, name):
                raise Unavailable("model store", f"{store_url} cannot be written: {error.strerror}") from error
    if fetch(store_url, name, version) != dict(files):
        raise BundleRefused(f"{name} {version} exists with other content: publish under a new version")
    return None


def fetch(store_url: str, name: str, version: str, only: Container[str] | None = None) -> dict[str, bytes]:
    """The files of a version by name; all of them, unless `only` says which are wanted.

    Raises BundleRefused naming the known versions when it is not there.
    """
    _check_words(name, version)
    known = versions(store_url, name)
    if version not in known:
        have = ", ".join(known) or f"none; models here: {', '.join(names(store_url)) or 'none'}"
        raise BundleRefused(f"no version {version} of {name} in {store_url}, it has: {have}")
    return _reading(store_url, lambda store: store.fetch(name, version, only))


def versions(store_url: str, name: str) -> list[str]:
    """Every version of a model, oldest first; empty for an unknown model."""
    _check_words(name)
    return sorted(_reading(store_url, lambda store: store.versions(name)), key=_age)


def names(store_url: str) -> list[str]:
    """The models that have a version."""
    return sorted(_reading(store_url, lambda store: store.names()))


def latest(store_url: str, name: str) -> str:
    """The newest version of a model. Raises BundleRefused when it has none."""
    known = versions(store_url, name)
    if not known:
        have = ", ".join(names(store_url)) or "no models yet"
        raise BundleRefused(f"no model {name} in {store_url}, it has: {have}; add one with `weir models train`")
    return known[-1]


def open_store(store_url: str) -> Store:
    """The store behind a URL. Raises BadSettings for a scheme that is not known."""
    scheme, separator, path = store_url.partition("://")
    if separator and path and scheme == "file":
        return FileStore(Path(path))
    if separator and scheme == "s3":
        # boto3 takes a quarter of a second to import.
        from infra.s3_store import open_bucket

        return open_bucket(path)
    shown = re.sub(r"//.*@", "//***@", store_url)
    raise BadSettings(f"MODEL_STORE {shown!r} is no store: use file:///path, file://path or s3://bucket/prefix")


def _reading(store_url: str, read: Callable[[Store], T]) -> T:
    try:
        return read(open_store(store_url))
    except OSError as error:
        raise Unavailable("model store", f"{store_url} cannot be read: {error.strerror}") from error


def _check_words(*words: str) -> None:
    for word in words:
        if not WORD.fullmatch(word):
            raise BundleRefused(f"{word[:100]!r} is no name: use letters, digits, '.', '_' and '-', at most 100")


def _check_sizes(files: Mapping[str, bytes]) -> None:
    if not 0 < len(files) <= MOST_FILES:
        raise BundleRefused(f"a bundle of {len(files)} files: give 1 to {MOST_FILES}")
    for file, content in files.items():
        if len(content) > LARGEST_FILE:
            raise BundleRefused(f"{file} has {len(content)} bytes, at most {LARGEST_FILE} fit: shrink the model")


def _age(version: str) -> list[tuple[int, int, str]]:
    """Digits compare as numbers, so that v10 follows v9."""
    parts = re.findall(r"\d+|\D+", version)
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if path.is_dir() and WORD.fullmatch(path.name)]


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_file(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise BundleRefused(f"{path.name} is no plain file: remove it from the store")
    if path.stat().st_size > LARGEST_FILE:
        raise BundleRefused(f"{path.name} has more than {LARGEST_FILE} bytes: remove the version")
