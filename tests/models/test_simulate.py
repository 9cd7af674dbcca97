import json

import pandas as pd
import pytest

from models.churn import CHURN, LABEL
from models.features import encode
from models.simulate import customer_rows, simulate_customers


def test_the_same_seed_gives_the_same_customers() -> None:
    assert simulate_customers(500, seed=1).equals(simulate_customers(500, seed=1))
    assert not simulate_customers(500, seed=1).equals(simulate_customers(500, seed=2))


@pytest.mark.parametrize("seed", range(5))
def test_every_customer_fits_the_signature_and_known_categories(seed: int) -> None:
    encoded = encode(CHURN, customer_rows(2000, seed))
    assert encoded.errors == {}
    assert not encoded.unseen


def test_rows_survive_json_unchanged() -> None:
    rows = customer_rows(100, seed=3)
    assert json.loads(json.dumps(rows)) == rows


def test_features_do_not_contradict_each_other(customers: pd.DataFrame) -> None:
    assert (customers.account_age_days <= customers.customer_age_days).all()
    assert (customers.days_since_last_order <= customers.account_age_days).all()
    assert (customers.support_tickets_open <= customers.support_tickets_total).all()
    assert (customers.refunds_count <= customers.returns_count).all()
    assert (customers.returns_count <= customers.total_orders).all()


def test_some_leave_and_most_stay(customers: pd.DataFrame) -> None:
    assert 0.15 < customers[LABEL].mean() < 0.4


def test_those_who_leave_look_less_and_wait_longer(customers: pd.DataFrame) -> None:
    means = customers.groupby(LABEL)[["website_visits_30d", "days_since_last_order"]].mean()
    assert means.website_visits_30d[1] < 0.7 * means.website_visits_30d[0]
    assert means.days_since_last_order[1] > 1.3 * means.days_since_last_order[0]
