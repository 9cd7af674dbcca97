"""One caller's connection: how much may come before a request is whole, how slowly, and how many callers at once.

httptools bounds nothing and uvicorn only the pause between requests: whoever sent a byte now and then, or read no
answers, would hold a connection for ever.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from streams.gateway.answers import RETRY_AFTER_S, error_response
from streams.gateway.limits import Limits, OneAtATime

LAST_WORDS = {"Connection": "close", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
TOO_MANY = error_response(
    503, "busy", "too many connections: retry shortly", headers={**LAST_WORDS, "Retry-After": str(RETRY_AFTER_S)}
)
LINGER_S = 1
REFUSED_AT_ONCE = 100
"""Most connections beyond the limit that are told so; the rest are dropped without a word."""


class Connection(HttpToolsProtocol):
    """Hangs up on who passes the limits. A wish for another protocol (WebSocket, h2c) is passed over."""

    def __init__(self, *args: Any, limits: Limits, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits = limits
        self.timeout_keep_alive = limits.idle_s  # type: ignore[assignment]
        self._held = 0
        self._got_on = False
        self._hung_up = False
        self._last_words = b""
        self._running: Any = None
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = OneAtATime(transport, self.pipeline)
        beyond = len(self.connections) - self._limits.connections
        if beyond > REFUSED_AT_ONCE:
            transport.abort()
            return
        if beyond > 0:
            self.app = TOO_MANY
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        self._is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._hung_up:
            return
        self._unset_keepalive_if_required()
        self._got_on = False
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._hang_up(400, "not_http", "this is no request of HTTP/1.1")
            return
        self._held = 0 if self._got_on else self._held + len(data)
        if self._held > self._limits.head_bytes:
            self._hang_up(400, "headers_too_large", f"the request's head exceeds {self._limits.head_bytes} bytes")
        elif self._late is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()

    def _feed(self, data: bytes | memoryview) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as wish:
                # The parser takes what follows for another protocol's, so it gets the head again without the wish.
                self.parser.feed_data(self._plain_head())
                data = memoryview(data)[wish.args[0] :]
            else:
                break

    def _plain_head(self) -> bytes:
        kept = [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        if len(kept) == len(self.headers):
            raise httptools.HttpParserError("CONNECT is not served")
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return b"".join([line, *kept, b"\r\n"])

    def on_headers_complete(self) -> None:
        self._got_on = True
        if self.parser.should_upgrade():
            return
        if len(self.pipeline) >= self._limits.unanswered:
            self._hang_up_after(b"")
            raise httptools.HttpParserError("more requests than answers")
        self._head_came()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._expect_to_be_read()
        elif self._hung_up and not self._is_answering():
            self._end()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_to_be_read()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._is_read()

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(self._limits.head_s, self._too_slow)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_slow(self) -> None:
        if self._held:
            self._hang_up(408, "too_slow", f"the request's head did not come within {self._limits.head_s:g} s")
        else:
            self._close()

    def _expect_to_be_read(self) -> None:
        """A closed transport waits until its last bytes are taken, which may be never."""
        if self._unread is None:
            self._unread = self.loop.call_later(self._limits.unread_s, self.transport.abort)

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _hang_up(self, status: int, code: str, message: str) -> None:
        self._hang_up_after(_last_answer(status, code, message))

    def _hang_up_after(self, last_words: bytes) -> None:
        """Hear nothing more; what came whole is answered before the last words, unless a body will not end."""
        if self._hung_up or self.transport.is_closing():
            return
        self._hung_up, self._last_words = True, last_words
        self._head_came()
        if self._is_answering() and self.cycle.more_body:
            for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
                cycle.disconnected = True
                cycle.message_event.set()
            self.pipeline.clear()
            self._end()
        elif not self._is_answering():
            self._end()

    def _end(self) -> None:
        """Let the caller read the last words: closing while more comes in would reset the connection at once."""
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write(self._last_words)
        self.transport.write_eof()
        self._late = self.loop.call_later(LINGER_S, self._close)

    def _close(self) -> None:
        self.transport.close()
        self._expect_to_be_read()


def _last_answer(status: int, code: str, message: str) -> bytes:
    response = error_response(status, code, message, headers=LAST_WORDS)
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    head = [b"%b: %b\r\n" % header for header in response.raw_headers]
    return b"".join([line, *head, b"\r\n", bytes(response.body)])
