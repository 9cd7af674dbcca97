import numpy as np
import pandas as pd
import pytest

from models.churn import CHURN
from models.features import encode
from models.shifted import Shift, drifting_customers
from models.simulate import simulate_customers
from models.tabular import rows_of
from schemas.errors import InvalidRequest

ROWS, AT = 4000, 2500


def drifting(feature: str, deviations: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulate_customers(ROWS, 1), drifting_customers(ROWS, 1, Shift(feature, deviations, AT))


@pytest.mark.parametrize("feature", CHURN.names)
def test_only_the_named_feature_drifts_and_only_after_the_row_that_is_named(feature: str) -> None:
    usual, found = drifting(feature)
    assert found.drop(columns=feature).equals(usual.drop(columns=feature))
    assert found[feature][:AT].equals(usual[feature][:AT])
    assert (found[feature][AT:] != usual[feature][AT:]).mean() > 0.3


@pytest.mark.no_cover
@pytest.mark.parametrize("deviations", [-3.0, 1.0, 5.0])
@pytest.mark.parametrize("feature", CHURN.names)
def test_every_drifting_customer_fits_the_signature(feature: str, deviations: float) -> None:
    _, found = drifting(feature, deviations)
    encoded = encode(CHURN, rows_of(found, CHURN))
    assert encoded.errors == {}
    assert not encoded.unseen


def test_a_number_moves_by_so_many_standard_deviations() -> None:
    usual, found = drifting("total_revenue", 2.0)
    moved = (found.total_revenue - usual.total_revenue)[AT:]
    assert moved.mean() == pytest.approx(2 * usual.total_revenue.std(), rel=0.15)
    assert moved.std() < 1e-6


def test_a_small_shift_of_an_integer_is_not_lost() -> None:
    usual, found = drifting("support_tickets_open", 0.01)
    assert ((found.support_tickets_open - usual.support_tickets_open)[AT:] == 1).all()
    assert found.support_tickets_open.dtype == np.int64


def test_of_a_text_the_rarest_category_takes_over_as_many_rows_as_a_shift_moves() -> None:
    usual, found = drifting("payment_method")
    rarest = usual.payment_method.value_counts().idxmin()
    before, after = ((frame.payment_method[AT:] == rarest).mean() for frame in (usual, found))
    assert after == pytest.approx(before + 0.383 * (1 - before), abs=0.04)


def test_the_same_seed_gives_the_same_drift() -> None:
    shift = Shift("payment_method", 1.0, 10)
    assert drifting_customers(500, 3, shift).equals(drifting_customers(500, 3, shift))


def test_without_a_drift_customers_are_the_usual_ones() -> None:
    assert drifting_customers(100, 5).equals(simulate_customers(100, 5))


def test_an_unknown_feature_answers_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"no feature 'age': known are customer_age_days, .*failed_payment_count"):
        Shift("age", 1.0, 0)


@pytest.mark.parametrize("deviations", [float("nan"), float("inf")])
def test_a_shift_by_no_number_is_refused(deviations: float) -> None:
    with pytest.raises(InvalidRequest, match="standard deviations"):
        Shift("total_orders", deviations, 0)


def test_a_drift_before_the_first_row_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="after row 0 or later"):
        Shift("total_orders", 1.0, -1)
