"""Every table of Weir, whichever module declares it."""

from infra.database import labelled, monitored, online, performance, retrainings, totals  # noqa: F401 - their tables are among those of Base
from infra.database.tables import Base

METADATA = Base.metadata
