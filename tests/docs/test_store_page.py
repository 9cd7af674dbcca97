"""docs/store.md: its lines run as they are printed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra.database.migrated import migrated

PAGE = Path(__file__).parents[2] / "docs" / "store.md"


@pytest.mark.contract("F2")
def test_the_lines_of_the_page_run_as_they_are_printed(new_database: Callable[[], str]) -> None:
    url = new_database()
    lines = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    found: dict[str, object] = {"DATABASE_URL": url}
    exec(compile(lines, str(PAGE), "exec"), found)
    with migrated(url) as engine, engine.connect() as connection:
        [(label, extra)] = connection.exec_driver_sql("SELECT actual_label, metadata FROM prediction_feedback")
    found["engine"].dispose()  # type: ignore[attr-defined]
    assert (label, extra) == (1, {"campaign": "spring"})
    assert (list(found["X"].columns), list(found["y"])) == (["total_orders", "total_revenue"], [1])  # type: ignore[attr-defined, call-overload]
    assert [job.state for job in found["latest"]] == ["completed"]  # type: ignore[attr-defined]
