"""/openapi.json, /asyncapi.json and /docs: what this gateway takes and answers, and what lies on the topics."""

import asyncio
from collections.abc import Callable, Collection
from functools import cache, partial

from starlette.requests import Request
from starlette.responses import Response

from schemas.wire import encode
from streams.contract.asyncapi import asyncapi
from streams.contract.openapi import described
from streams.contract.operation import JSON, Endpoints, Operation
from streams.contract.page import POLICY, page
from streams.contract.watching import ASYNCAPI, OPENAPI, PAGE


def reference_routes(others: Collection[Operation]) -> Endpoints:
    """The routes that describe these, and themselves."""
    operations = (*others, OPENAPI, ASYNCAPI, PAGE)
    return {
        OPENAPI: partial(tell, made=partial(_openapi, operations), media=JSON),
        ASYNCAPI: partial(tell, made=_asyncapi, media=JSON),
        PAGE: partial(tell, made=partial(_page, operations), media="text/html", policy=POLICY),
    }


async def tell(_: Request, *, made: Callable[[], bytes], media: str, policy: str | None = None) -> Response:
    """A description, made in a thread where it is asked for the first time: that takes a tenth of a second."""
    headers = {} if policy is None else {"Content-Security-Policy": policy}
    return Response(await asyncio.to_thread(made), headers=headers, media_type=media)


@cache
def _openapi(operations: tuple[Operation, ...]) -> bytes:
    return encode(described(operations))


@cache
def _asyncapi() -> bytes:
    return encode(asyncapi())


@cache
def _page(operations: tuple[Operation, ...]) -> bytes:
    return page(described(operations)).encode()
