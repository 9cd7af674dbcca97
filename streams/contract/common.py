"""What many routes have in common: headers, and how requests end that never come to their own answer."""

from collections.abc import Sequence

from streams.contract.bodies import Error
from streams.contract.operation import Answer, Parameter, Schema

WHOLE: Schema = {"type": "integer", "minimum": 0}
TEXT: Schema = {"type": "string"}

ANSWERED: dict[str, tuple[Schema, str]] = {
    "Cache-Control": (TEXT, "`no-store`: answers are one caller's."),
    "X-Content-Type-Options": ({"const": "nosniff"}, "The body is what Content-Type says."),
    "X-Request-Id": (TEXT, "The request id under which it lies in the topics."),
    "X-RateLimit-Limit": (WHOLE, "Tokens an hour of the key's bucket. None where limits are switched off."),
    "X-RateLimit-Remaining": (WHOLE, "Whole tokens left."),
    "X-RateLimit-Reset": (WHOLE, "The epoch second at which the bucket is full; on 429, at which the request passes."),
    "RateLimit-Policy": (TEXT, 'As the IETF\'s draft has it: `"hourly";q=1000;w=3600`.'),
    "RateLimit": (TEXT, 'As the IETF\'s draft has it: `"hourly";r=42;t=90`.'),
    "Retry-After": ({"type": "integer", "minimum": 1}, "Seconds after which the same request may pass."),
    "Location": (TEXT, "The path of what was made, or of the result to come."),
    "Preference-Applied": ({"const": "respond-async"}, "What was preferred is so."),
    "WWW-Authenticate": ({"const": "ApiKey"}, "An API key in the header X-API-Key is asked for."),
    "Allow": (TEXT, "The methods that the path has."),
    "Accept-Encoding": ({"const": "identity"}, "Bodies are read as they are."),
    "Content-Security-Policy": (TEXT, "What the page may load: its own style, and nothing else."),
    "X-Accel-Buffering": ({"const": "no"}, "Proxies shall pass each event on at once."),
}
"""Header of answers -> its schema and meaning."""

ALWAYS = ("Cache-Control", "X-Content-Type-Options")
RATED = tuple(name for name in ANSWERED if name.startswith(("X-RateLimit", "RateLimit")))

REQUEST_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._:~+/=@-]{1,128}$"}
IDENTITY = (
    Parameter("Idempotency-Key", REQUEST_ID, "The request id: asked again with it, a request is answered alike and "
              "charged once. A new one is made where neither it nor X-Request-Id is given."),
    Parameter("X-Request-Id", REQUEST_ID, "The request id, where there is no Idempotency-Key."),
)  # fmt: skip

HEAD = Answer(400, "Too many or too large headers.", Error, name="BadHead")
CRASHED = Answer(500, "`internal`: a bug; the log has the `error_id`.", Error, name="Crashed")
NO_KEY = Answer(401, "No key, or one that is unknown, revoked or expired.", Error, ("WWW-Authenticate",), name="NoKey")
PUT_OFF = Answer(
    429, "`too_many_failures`: no valid key came from this address too often.", Error, ("Retry-After",), name="PutOff"
)
AWAY = Answer(
    503,
    "`unavailable`: what it needs is away; `busy`: too many ask at once. Ask again.",
    Error,
    ("Retry-After",),
    name="Away",
)
WRONG = Answer(422, "Something is not as it must be: `fields` names each.", Error, name="Wrong")
UNREADABLE = Answer(
    400, "The body is not JSON or is nested too deep, or too many or too large headers.", Error, name="Unreadable"
)
NONE = Answer(404, "`not_found`: there is none of this name or id.", Error, name="NotFound")
SLOW = Answer(408, "`too_slow`: the body did not come in time.", Error, name="TooSlow")
LARGE = Answer(413, "`too_large`: the body exceeds what is read.", Error, name="TooLarge")
ENCODED = Answer(415, "`encoded`: the body came with a Content-Encoding.", Error, ("Accept-Encoding",), name="Encoded")

OF_BODIES = (UNREADABLE, SLOW, LARGE, ENCODED, WRONG)
"""Ends of requests whose body is read."""


def open_to_all(*own: Answer) -> tuple[Answer, ...]:
    """The answers of a route that asks for no key, beside its own."""
    return _merged(own, (HEAD, CRASHED, AWAY))


def guarded(permission: str, *own: Answer) -> tuple[Answer, ...]:
    """The answers of a route that asks for a key with this permission, beside its own."""
    lacking = Answer(403, f"`forbidden`: the key lacks the permission `{permission}`.", Error, name=f"No-{permission}")
    return _merged(own, (HEAD, NO_KEY, lacking, PUT_OFF, CRASHED, AWAY))


def _merged(own: Sequence[Answer], common: Sequence[Answer]) -> tuple[Answer, ...]:
    """One answer of each status, the route's own first."""
    by_status = {answer.status: answer for answer in (*common, *own)}
    return tuple(by_status[status] for status in sorted(by_status))
