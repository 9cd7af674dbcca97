"""Customers of an e-commerce shop who stay or leave, drawn from a seed."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.churn import CATEGORIES, CHURN, LABEL, PAYMENT_METHODS, SHIPPING_METHODS
from models.tabular import rows_of

PERSONAS = ("low", "medium", "high")
_SHARES = (0.5, 0.3, 0.2)

HORIZON_DAYS = 90

Column = npt.NDArray[Any]


def simulate_customers(n: int, seed: int) -> pd.DataFrame:
    """n customers: the 21 features of `CHURN` and `churned`, whether they left within 90 days.

    A persona of low, medium or high risk shapes how a customer behaves; leaving is the first event of a
    process whose rate follows from behaviour and from a part that no feature shows. Same seed, same frame.
    """
    random = np.random.default_rng(seed)
    risk = random.choice(len(PERSONAS), size=n, p=_SHARES) + random.normal(0.0, 0.45, n)
    frame = pd.DataFrame(_loyalty(random, risk) | _attention(random, risk))
    frame = frame.assign(**_trouble(random, risk, frame), **_taste(random, risk))
    frame[LABEL] = _leaves(random, frame).astype(int)
    return frame[[*CHURN.names, LABEL]]


def customer_rows(n: int, seed: int) -> list[dict[str, Any]]:
    """The features of n simulated customers as JSON-able dicts of plain Python values."""
    return rows_of(simulate_customers(n, seed), CHURN)


def _loyalty(random: np.random.Generator, risk: Column) -> dict[str, Column]:
    n = len(risk)
    account_age = 20 + random.gamma(2.0, 260.0 * np.exp(-0.25 * risk), n)
    per_month = random.gamma(3.0, 0.45 * np.exp(-0.45 * risk), n)
    orders = 1 + random.poisson(per_month * account_age / 30)
    value = np.round(random.lognormal(3.9 - 0.12 * risk, 0.5, n), 2)
    gap = random.exponential(18.0 * np.exp(0.45 * risk), n)
    return {
        "customer_age_days": (account_age + random.exponential(60.0, n)).astype(int),
        "account_age_days": account_age.astype(int),
        "total_orders": orders,
        "total_revenue": np.round(orders * value, 2),
        "avg_order_value": value,
        "days_since_last_order": np.minimum(gap, account_age).astype(int),
        "order_frequency": np.round(30 * orders / account_age, 4),
    }


def _attention(random: np.random.Generator, risk: Column) -> dict[str, Column]:
    n = len(risk)
    visits = random.poisson(random.gamma(2.5, 5.0 * np.exp(-0.4 * risk), n))
    return {
        "website_visits_30d": visits,
        "email_open_rate": _rate(random, 0.42 - 0.1 * risk),
        "cart_abandonment_rate": _rate(random, 0.45 + 0.1 * risk),
        "product_views_30d": random.poisson(visits * random.uniform(1.5, 5.0, n)),
    }


def _trouble(random: np.random.Generator, risk: Column, frame: pd.DataFrame) -> dict[str, Column]:
    n = len(risk)
    tickets = random.poisson(0.7 * np.exp(0.4 * risk), n)
    returns = random.binomial(frame["total_orders"], _rate(random, 0.06 + 0.04 * risk))
    return {
        "support_tickets_total": tickets,
        "support_tickets_open": random.binomial(tickets, np.clip(0.12 + 0.1 * risk, 0.02, 0.6)),
        "returns_count": returns,
        "refunds_count": random.binomial(returns, 0.7),
        "failed_payment_count": random.poisson(0.15 * np.exp(0.6 * risk), n),
    }


def _taste(random: np.random.Generator, risk: Column) -> dict[str, Column]:
    n = len(risk)
    careful = random.random(n) < 0.15 + 0.1 * risk
    payment = np.where(careful, "gift_card", random.choice(PAYMENT_METHODS, n, p=(0.1, 0.42, 0.2, 0.03, 0.25)))
    return {
        "favorite_category": random.choice(CATEGORIES, n, p=(0.1, 0.14, 0.22, 0.2, 0.14, 0.11, 0.09)),
        "discount_usage_rate": _rate(random, 0.25 + 0.12 * risk),
        "premium_product_rate": _rate(random, 0.35 - 0.08 * risk),
        "payment_method": payment,
        "shipping_method": random.choice(SHIPPING_METHODS, n, p=(0.2, 0.1, 0.15, 0.55)),
    }


def _leaves(random: np.random.Generator, frame: pd.DataFrame) -> Column:
    """Leaving is a Poisson process with a rate per day; who has an event within the horizon has churned."""
    strain = (
        0.9 * np.log1p(frame["days_since_last_order"] / 20)
        - 0.6 * np.log1p(frame["website_visits_30d"])
        - 1.6 * frame["email_open_rate"]
        + 1.2 * frame["cart_abandonment_rate"]
        + 0.8 * frame["support_tickets_open"]
        + 0.5 * frame["failed_payment_count"]
        - 0.3 * np.log1p(frame["order_frequency"])
        + 0.9 * frame["discount_usage_rate"]
        - 0.9 * frame["premium_product_rate"]
        + 0.4 * (frame["payment_method"] == "gift_card")
    )
    hidden = random.normal(0.0, 0.6, len(frame))
    rate = np.exp(strain.to_numpy() + hidden - 6.0)
    leaves: Column = random.exponential(1.0, len(frame)) < rate * HORIZON_DAYS
    return leaves


def _rate(random: np.random.Generator, mean: Column) -> Column:
    middle = np.clip(mean, 0.03, 0.97)
    return np.round(random.beta(6 * middle, 6 * (1 - middle)), 4)
