"""/keys: what `weir keys` does, for callers whose key may `admin`."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from infra.key_arguments import wrong
from infra.key_manager import KeyManager
from infra.new_key import NewKey
from schemas.errors import FieldError, InvalidRequest, Unavailable
from schemas.keys import ApiKey
from schemas.request import describe
from schemas.wire import decode
from streams.contract.bodies import NewKeyTerms, Rotation
from streams.contract.keys import CREATE_KEY, LIST_KEYS, REVOKE_KEY, ROTATE_KEY, SHOW_KEY
from streams.contract.operation import Endpoints
from streams.gateway.answers import RETRY_AFTER_S, error_response, json_response
from streams.gateway.security import read_body, require
from streams.shown_key import shown_key

T = TypeVar("T")
log = logging.getLogger("weir.gateway")

MAX_BYTES = 16 * 1024
NEW = NewKeyTerms.__struct_fields__
ROTATION = Rotation.__struct_fields__
UNSEEN = {"Cache-Control": "no-store"}
UNSURE = "kafka is not available: the change may have been made or not, look at GET /keys before you repeat it"


class Administer(Protocol):
    """Whom changes of keys are left to."""

    def __call__(self, actor: str, work: Callable[[KeyManager], T]) -> Awaitable[T]:
        """What the work makes of the manager that acts in this key's name. Raises Unavailable, InvalidRequest."""
        ...


async def _change(administer: Administer, actor: str, work: Callable[[KeyManager], T]) -> T:
    """As `administer`; who is not answered in time must not take the change for undone."""
    try:
        return await administer(actor, work)
    except Unavailable as error:
        log.warning("unavailable", extra={"data": {"reason": str(error)}})
        raise HTTPException(503, UNSURE, {"Retry-After": str(RETRY_AFTER_S)}) from error


def key_routes(administer: Administer) -> Endpoints:
    """The routes of keys, bound to whom changes are left to."""
    bound = partial(partial, administer=administer)
    return {
        LIST_KEYS: bound(list_keys),
        CREATE_KEY: bound(create_key),
        SHOW_KEY: bound(show_key),
        REVOKE_KEY: bound(revoke_key),
        ROTATE_KEY: bound(rotate_key),
    }


async def list_keys(request: Request, *, administer: Administer) -> Response:
    """Every key, the oldest first."""
    keys = await administer(_admin(request), KeyManager.list_keys)
    return json_response({"keys": [_shown(key) for key in keys]})


async def create_key(request: Request, *, administer: Administer) -> Response:
    """201 with the key, for the only time that it is shown."""
    actor, given = _admin(request), _fields(await read_body(request, MAX_BYTES), NEW)
    if "name" not in given:
        raise wrong("name", "must be given", None)
    return _made(await _change(administer, actor, lambda manager: manager.new_key(**given)))


async def show_key(request: Request, *, administer: Administer) -> Response:
    """One key, in force or not."""
    key_id = request.path_params["key_id"]
    key = await administer(_admin(request), lambda manager: manager.get(key_id))
    return _unknown() if key is None else json_response(_shown(key))


async def revoke_key(request: Request, *, administer: Administer) -> Response:
    """The key as it is now; a second time changes nothing."""
    actor, key_id, given = _admin(request), request.path_params["key_id"], _asked(request, REVOKE_KEY.query_names)

    def revoke(manager: KeyManager) -> ApiKey | None:
        manager.revoke_key(key_id, **given)
        return manager.get(key_id)

    key = await _change(administer, actor, revoke)
    return _unknown() if key is None else json_response(_shown(key))


async def rotate_key(request: Request, *, administer: Administer) -> Response:
    """201 with the key that takes the other's place, for the only time that it is shown."""
    actor, key_id = _admin(request), request.path_params["key_id"]
    given = _fields(await read_body(request, MAX_BYTES) or b"{}", ROTATION)
    made = await _change(administer, actor, lambda manager: manager.rotate_key(key_id, **given))
    return _unknown() if made is None else _made(made)


def _admin(request: Request) -> str:
    """The id of the caller's key. Raises Refused."""
    return require(request, "admin").key.key_id


def _fields(body: bytes, known: tuple[str, ...]) -> dict[str, Any]:
    """The body's fields; null is as if left out. Raises Undecodable, InvalidRequest naming every unknown one."""
    value = decode(body)
    if not isinstance(value, dict):
        raise wrong("body", "must be an object", value)
    return {name: content for name, content in _known(value, known).items() if content is not None}


def _asked(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    """The query's parameters. Raises InvalidRequest naming every unknown one, or one that is there twice."""
    given = request.query_params
    for name in known:
        if len(values := given.getlist(name)) > 1:
            raise wrong(name, "must be given once", values)
    return dict(_known(given, known))


def _known(value: Mapping[str, T], known: tuple[str, ...]) -> Mapping[str, T]:
    reason = f"unknown field; known are {', '.join(known)}"
    unknown = [FieldError(name, reason, describe(value[name])) for name in sorted(value.keys() - set(known))]
    if unknown:
        raise InvalidRequest("the request is not of the expected form", unknown)
    return value


def _shown(key: ApiKey) -> dict[str, Any]:
    return shown_key(key, datetime.now(UTC))


def _made(made: NewKey) -> Response:
    headers = {"Location": f"/keys/{made.key.key_id}", **UNSEEN}
    return json_response({"key": made.api_key, **_shown(made.key)}, 201, headers)


def _unknown() -> Response:
    return error_response(404, "not_found", "no key has this id")
