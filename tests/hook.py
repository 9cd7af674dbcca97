"""A webhook that listens: answers as it is told to, and remembers what it was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Hook:
    """statuses: of the next answers, 200 after them. silent: it answers none while that is set."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    posted: list[Any] = field(default_factory=list)
    tries: int = 0
    silent: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0/SECRET"


@contextmanager
def listening(port: int = 0) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.tries += 1
            body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
            while hook.silent.is_set():
                threading.Event().wait(0.05)
            status = hook.statuses.pop(0) if hook.statuses else 200
            if status == 200:
                hook.posted.append(body)
            self.send_response(status)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    hook.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.silent.clear()
        server.shutdown()
        server.server_close()
        thread.join()
