"""Every table of Weir, whichever module declares it."""

from infra.database import jobs, labelled, monitored, online, performance, totals  # noqa: F401 - their tables are among those of Base
from infra.database.tables import Base

METADATA = Base.metadata
