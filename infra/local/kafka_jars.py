"""The jars of Apache Kafka: resolved once by Maven from pom.xml, checked against known digests."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import Unavailable

VERSION = "4.3.1"
HERE = Path(__file__).parent


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Where jars are kept for every checkout of this user: WEIR_CACHE or ~/.cache/weir."""
    named = environ.get("WEIR_CACHE")
    return Path(named).resolve() if named else Path.home() / ".cache" / "weir"


def known_digests() -> dict[str, str]:
    """Jar name -> SHA-256 hex."""
    lines = (HERE / "jars.properties").read_text().splitlines()
    return dict(line.split("=") for line in lines if line and not line.startswith("#"))


def altered(folder: Path) -> list[str]:
    """Names of jars that are missing, altered or not ours."""
    known = known_digests()
    present = {jar.name: jar for jar in folder.glob("*.jar")}
    wrong = [name for name, digest in known.items() if name not in present or sha256(present[name]) != digest]
    return wrong + sorted(present.keys() - known.keys())


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def kafka_jars(mvn: str, environ: Mapping[str, str]) -> Path:
    """Folder holding exactly the known jars, downloaded when missing or altered.

    Raises Unavailable when Maven fails or what it brought is not what we know.
    """
    target = cache_dir(environ) / f"kafka-{VERSION}"
    if target.is_dir() and not altered(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        fresh = download(mvn, Path(work), environ)
        replace(target, fresh)
    return target


def replace(target: Path, fresh: Path) -> None:
    """Put `fresh` in place; when another start was faster with the same jars, keep its copy."""
    if target.is_dir() and altered(target):
        shutil.rmtree(target)
    try:
        os.rename(fresh, target)
    except OSError:
        if altered(target):
            raise


def download(mvn: str, work: Path, environ: Mapping[str, str]) -> Path:
    jars = work / "jars"
    shutil.copy(HERE / "pom.xml", work / "pom.xml")
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    done = subprocess.run(
        [mvn, "--batch-mode", "--quiet", "--strict-checksums", "-f", str(work / "pom.xml"), *goal],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(environ),
    )
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-8:])
        raise Unavailable("kafka", f"Maven could not resolve Apache Kafka {VERSION}; run it again.\n{end}")
    if wrong := altered(jars):
        raise Unavailable("kafka", f"Maven brought jars other than the known ones: {', '.join(wrong)}")
    return jars
