"""The default domain: will this e-commerce customer leave?"""

from models.signature import Feature, Signature

TARGET = "churn"
LABEL = "churned"

CATEGORIES = ("beauty", "books", "clothing", "electronics", "home", "sports", "toys")
PAYMENT_METHODS = ("bank_transfer", "credit_card", "debit_card", "gift_card", "paypal")
SHIPPING_METHODS = ("express", "next_day", "pickup", "standard")


def _count(name: str) -> Feature:
    return Feature(name, "int", minimum=0)


def _amount(name: str) -> Feature:
    return Feature(name, "float", minimum=0)


def _rate(name: str) -> Feature:
    return Feature(name, "float", minimum=0, maximum=1)


CHURN = Signature(
    features=(
        _count("customer_age_days"),
        _count("account_age_days"),
        _count("total_orders"),
        _amount("total_revenue"),
        _amount("avg_order_value"),
        _count("days_since_last_order"),
        _amount("order_frequency"),
        _count("website_visits_30d"),
        _rate("email_open_rate"),
        _rate("cart_abandonment_rate"),
        _count("product_views_30d"),
        _count("support_tickets_total"),
        _count("support_tickets_open"),
        _count("returns_count"),
        _count("refunds_count"),
        Feature("favorite_category", "str", categories=CATEGORIES),
        _rate("discount_usage_rate"),
        _rate("premium_product_rate"),
        Feature("payment_method", "str", categories=PAYMENT_METHODS),
        Feature("shipping_method", "str", categories=SHIPPING_METHODS),
        _count("failed_payment_count"),
    ),
    target=TARGET,
)
