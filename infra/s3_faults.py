"""botocore's errors at the border: the store is away, or its operator has something to put right."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError, NoCredentialsError
from botocore.exceptions import ConnectionError as NoConnection

from schemas.errors import BadSettings, BundleRefused, Unavailable, WeirError

AWAY = (NoConnection, HTTPClientError, IncompleteReadError)
PASSING = {"SlowDown", "RequestTimeout", "ConditionalRequestConflict", "OperationAborted", "TooManyRequests"}
NO_CONDITIONS = (
    "the service does not know conditional writes (If-None-Match), which keep a version from being overwritten: "
    "use one that does, or a file:// store"
)


def code(error: ClientError) -> str:
    """The service's own word for what happened, like `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", "no code"))


@contextmanager
def reaching_s3(bucket: str) -> Iterator[None]:
    """Turns what says "not now" into Unavailable, the rest into what to do; the service's own words are not shown."""
    place = f"s3://{bucket}"
    try:
        yield
    except ClientError as error:
        raise _answered(place, error) from error
    except AWAY as error:
        hint = "check that it runs and that AWS_ENDPOINT_URL, where set, names it"
        raise Unavailable("model store", f"{place} does not answer ({type(error).__name__}); {hint}") from error
    except NoCredentialsError as error:
        hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
        raise BadSettings(f"no credentials for {place}: {hint}") from error
    except BotoCoreError as error:
        hint = "check the AWS_ variables and ~/.aws/config"
        raise BadSettings(f"{place} cannot be used, {type(error).__name__}: {hint}") from error


def _answered(place: str, error: ClientError) -> WeirError:
    said, call = code(error), error.operation_name
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if said == "NoSuchBucket":
        return BadSettings(
            f"MODEL_STORE: there is no bucket {place}: create it, or correct the name or AWS_ENDPOINT_URL"
        )
    if said == "NoSuchKey":
        return BundleRefused(f"a version in {place} lacks an object, or was removed while it was read: publish it anew")
    if said == "NotImplemented":
        return BadSettings(f"MODEL_STORE: {place}: {NO_CONDITIONS}")
    if said in PASSING or status >= 500:
        return Unavailable("model store", f"{place} answers {call} with {said}; try again later")
    hint = "check AWS_ENDPOINT_URL, the credentials, what they may do (docs/operating.md) and AWS_DEFAULT_REGION"
    return BadSettings(f"MODEL_STORE: {place} answers {call} with {said}: {hint}")
