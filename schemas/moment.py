"""Moments as messages have them."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Moment = Annotated[datetime, Meta(tz=True)]
"""With its time zone: one without belongs to nobody's clock."""
