"""Labels are counted without a look at the answers that they are of."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.dialects import postgresql

from infra.database.signals import labels_of
from tests.infra.database.rows import MOMENT

SINCE = MOMENT - timedelta(days=1)


@pytest.mark.parametrize("since", [(None, None), (SINCE, None), (None, SINCE)], ids=["all", "labelled", "scored"])
def test_the_index_of_labels_answers_alone(engine: Engine, since: tuple[None, None]) -> None:
    compiled = labels_of("churn", *since).compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # which is the cheapest of few rows
        plan = "\n".join(connection.execute(text(f"EXPLAIN {compiled}")).scalars())
    assert "Index Only Scan using ix_prediction_labelled" in plan, plan
