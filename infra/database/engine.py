"""The engine and the session."""

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from infra.database.faults import READ_ONLY
from schemas.errors import BadSettings

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
PATIENCE_S = 20.0
LOCK_SHARE = 0.75
"""Of a statement's time, spent waiting for a lock: the server then says that it was a lock."""


def create_db_engine(
    url: str, pool_size: int = 10, max_overflow: int = 20, *, patience_s: float = PATIENCE_S
) -> Engine:
    """An engine on psycopg 3; nothing connects yet. Raises BadSettings for a URL that is none.

    patience_s: after so many seconds the server ends a statement, and the system a connection that is not answered.
    """
    parsed = _parse(url)
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=POOL_TIMEOUT_S,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"{_server_options(patience_s)} {parsed.query.get('options', '')}".strip(),
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "tcp_user_timeout": int(patience_s * 1000),
        },
    )
    event.listen(engine, "handle_error", _leave_demoted_server)
    return engine


def create_db_session(bind: Engine | Connection) -> Session:
    """A session whose rows stay readable after the repository has committed.

    Over a connection in a transaction, whoever began that ends it.
    """
    return Session(bind, expire_on_commit=False)


def _server_options(patience_s: float) -> str:
    # A frozen process does not keep its row locks for ever, nor a machine that is gone any other lock for two hours.
    return (
        f"-c statement_timeout={int(patience_s * 1000)} -c lock_timeout={int(patience_s * 1000 * LOCK_SHARE)} "
        "-c idle_in_transaction_session_timeout=60000 -c timezone=UTC "
        "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4"
    )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        # Neither the URL nor the parser's complaint is shown: both may hold the password.
        raise BadSettings("DATABASE_URL must read postgresql://user:password@host:port/name")
    return parsed.set(drivername="postgresql+psycopg")


def _leave_demoted_server(context: ExceptionContext) -> None:
    """A server that turned read-only was demoted: drop its connections, the next try finds its heir."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True
