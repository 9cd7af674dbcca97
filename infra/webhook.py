"""A webhook, whose address is a secret: who knows it may write where it leads."""

import asyncio

import httpx
from pydantic import SecretStr

from schemas.errors import Unavailable


class Webhook:
    """Posts JSON. No address is in an error, and no redirect is followed: it would lead the alert elsewhere."""

    def __init__(self, url: SecretStr, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=False, follow_redirects=False)

    async def post(self, body: bytes) -> int:
        """The status of the answer. Raises Unavailable where there is none in time."""
        try:
            headers = {"content-type": "application/json"}
            # httpx's own timeout begins anew with every byte.
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.stream("POST", self._url.get_secret_value(), content=body, headers=headers) as answer,
            ):
                return answer.status_code  # whatever it says beside, and however long that is
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            # The cause is left out: it may hold the address.
            raise Unavailable("webhook", f"the alerts' webhook does not answer: {type(error).__name__}") from None

    async def aclose(self) -> None:
        await self._http.aclose()
