"""Every route of the gateway."""

from streams.contract import drift, keys, predicting, routes, watching

OPERATIONS = (
    *predicting.OPERATIONS,
    *keys.OPERATIONS,
    *routes.OPERATIONS,
    *drift.OPERATIONS,
    *watching.OPERATIONS,
)
