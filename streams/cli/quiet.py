"""Logs of a verb's clients: what fails is told once, by the verb."""

import logging

TOLD_ONCE = ("weir.producer", "weir.gateway.replies", "aiokafka", "psycopg")
"""Loggers of what fails, which the verb tells in the end: with no handler they would print each attempt to connect."""


def tell_once() -> None:
    """Give these loggers a handler that says nothing."""
    for name in TOLD_ONCE:
        logging.getLogger(name).addHandler(logging.NullHandler())
