"""Bundles tried in a process of their own: how each trial ends, and that it ends."""

import sys
from pathlib import Path

import pytest

from schemas.errors import BundleRefused, Unavailable
from streams import trial
from streams.trial import tried


async def test_a_version_that_is_not_there_is_refused_in_the_words_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(BundleRefused, match="no version v9 of churn"):
        await tried(f"file://{tmp_path}/models", "churn", "v9", 30)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import time; time.sleep(60)", "not loaded and tried within 0.1 s"),
        ("raise SystemExit(7)", "exit code 7"),
        ("import os; os._exit(0)", "exit code 0"),
        ("print('not a verdict')", "exit code 0"),
        ("print('[]')", "exit code 0"),
    ],
)
async def test_one_that_hangs_or_takes_its_process_down_is_refused(
    monkeypatch: pytest.MonkeyPatch, does: str, says: str
) -> None:
    monkeypatch.setattr(trial, "GRACE_S", 0.0)
    within_s = 0.1 if "sleep" in does else 30
    with pytest.raises(BundleRefused, match=says):
        await tried("file://nowhere", "churn", "v1", within_s, (sys.executable, "-c", does))


async def test_a_store_that_is_away_is_no_verdict_on_the_bundle() -> None:
    says = """print('{"unavailable": ["model store", "it does not answer"]}')"""
    with pytest.raises(Unavailable, match="model store: it does not answer"):
        await tried("file://nowhere", "churn", "v1", 30, (sys.executable, "-c", says))
