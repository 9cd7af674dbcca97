"""What a route of the gateway takes and answers: the app routes by it, and the API's description is made of it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.keys import Permission

Schema = Mapping[str, Any]
"""A JSON schema, in the 2020-12 dialect."""
Form = Any
"""What a body looks like: a msgspec or pydantic class, a tuple of them for any of these, or a JSON schema."""
Endpoint = Callable[[Request], Awaitable[Response]]
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A header of the request, or a name behind the question mark."""

    name: str
    schema: Schema
    about: str


@dataclass(frozen=True, slots=True)
class Body:
    """What a request brings. content: media type -> form; examples: media type -> one that is good."""

    content: Mapping[str, Form]
    examples: Mapping[str, Any]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a request ends. headers: those that it always has; may: those that it may have.

    name: of one that many routes have.
    """

    status: int
    about: str
    form: Form
    headers: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    media: str = JSON
    example: Any = None
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One method of one path. path: as Starlette has it. permission: None where no key is asked for.

    name: in clients that are made from the description. answers: every one there can be.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    name: str
    group: str
    summary: str
    permission: Permission | None
    answers: tuple[Answer, ...]
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None
    about: str = ""

    def route(self, endpoint: Endpoint) -> Route:
        """Where requests for it go."""
        return Route(self.path, endpoint, methods=[self.method])

    @property
    def template(self) -> str:
        """The path as OpenAPI has it."""
        return re.sub(r":\w+}", "}", self.path)

    @property
    def path_names(self) -> tuple[str, ...]:
        """What is named within the path."""
        return tuple(re.findall(r"{(\w+)}", self.template))

    @property
    def query_names(self) -> tuple[str, ...]:
        """What may stand behind the question mark."""
        return tuple(parameter.name for parameter in self.query)


Endpoints = Mapping[Operation, Endpoint]
"""The routes of an app: what each is, and who answers."""
