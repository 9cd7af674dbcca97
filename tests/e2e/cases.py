"""Wrong features, each with the refusal that it must meet: field, what is said of the value, what is allowed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Wrong:
    """One clause of R1: how the features are spoilt, and what the refusal says."""

    clause: str
    spoil: Mapping[str, Any]
    field: str
    got: str
    reason: str
    drop: str | None = None

    def body(self, features: Mapping[str, Any], entity: str = "c-42") -> bytes:
        """The request as bytes; Python writes NaN and infinity as some producers do."""
        spoilt = {name: value for name, value in {**features, **self.spoil}.items() if name != self.drop}
        return json.dumps({"entity": entity, "features": spoilt}).encode()


INFINITY = float("inf")
WRONG = (
    Wrong("a missing field", {}, "total_orders", "nothing", "is missing", drop="total_orders"),
    Wrong("an unknown field", {"shoe_size": 44}, "shoe_size", "number 44", "is no feature of this model"),
    Wrong("NaN", {"total_revenue": float("nan")}, "total_revenue", "number NaN", "must be a number >= 0"),
    Wrong("infinity", {"total_revenue": INFINITY}, "total_revenue", "number Infinity", "must be a number >= 0"),
    Wrong("minus infinity", {"total_revenue": -INFINITY}, "total_revenue", "number -Infinity", ">= 0"),
    Wrong("a fractional integer", {"total_orders": 2.5}, "total_orders", "number 2.5", "must be an integer >= 0"),
    Wrong("a numeric string", {"total_orders": "3"}, "total_orders", 'string "3"', "must be an integer >= 0"),
    Wrong("a bool for a number", {"total_orders": True}, "total_orders", "boolean true", "must be an integer >= 0"),
    Wrong("null", {"total_orders": None}, "total_orders", "null", "must be an integer >= 0"),
    Wrong("below the least", {"total_orders": -1}, "total_orders", "number -1", "must be an integer >= 0"),
    Wrong("below 0 of a rate", {"email_open_rate": -0.0001}, "email_open_rate", "number -0.0001", "from 0 to 1, both"),
    Wrong("above 1 of a rate", {"email_open_rate": 1.0001}, "email_open_rate", "number 1.0001", "from 0 to 1, both"),
    Wrong("a number for a string", {"payment_method": 7}, "payment_method", "number 7", "must be a string"),
)

INCLUSIVE: tuple[Mapping[str, Any], ...] = (
    {"email_open_rate": 0, "cart_abandonment_rate": 0.0, "discount_usage_rate": 0},
    {"email_open_rate": 1, "cart_abandonment_rate": 1.0, "premium_product_rate": 1},
    {"total_orders": 0, "total_revenue": 0.0, "customer_age_days": 0, "failed_payment_count": 0},
)
"""Values at their bounds, which are allowed."""

NO_NUMBER = {"order_frequency": 3e38, "support_tickets_open": int(3e38)}
"""Valid features whose weighted sum overflows: the model answers with NaN."""

Customers = Callable[[int], dict[str, Any]]
