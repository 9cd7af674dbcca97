"""The least HTTP/1.1 client that keeps a connection: what is measured is the gateway, not the client."""

import asyncio
from typing import Self


class Connection:
    """One kept connection that posts JSON."""

    def __init__(self, port: int, api_key: str) -> None:
        self._port = port
        self._head = f"POST /predict HTTP/1.1\r\nHost: bench\r\nX-API-Key: {api_key}\r\nContent-Length: ".encode()

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def post(self, body: bytes) -> bytes:
        """The response's body. Raises ConnectionError for any status but 200."""
        self._writer.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        head = await self._reader.readuntil(b"\r\n\r\n")
        answer = await self._reader.readexactly(_length(head))
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ConnectionError(f"{head.decode()}{answer.decode()}")
        return answer


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ConnectionError("an answer without a content length")
