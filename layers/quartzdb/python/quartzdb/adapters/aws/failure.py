"""What errors of AWS mean to a caller. Owns that one translation; retries nothing and swallows nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ResponseStreamingError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import ConnectionError as ConnectionFailed

from quartzdb.domain.errors import Corrupted, OutcomeUnknown, Unavailable

_LATER = "Try again in a moment; writes may be sent again safely."
_AGAIN = "Send it again: it will not be applied twice."
_DEPLOYED = "Deploy the data stack, or correct the name or the region in the settings."
_GRANTED = "Check the credentials, and what the role of this process may do."
_SIGNED_IN = (
    "Sign in to AWS (`aws sso login`, `aws configure`), or name a profile that is signed in: AWS_PROFILE."
)
_HINTS = {
    "ResourceNotFoundException": ("does not exist", _DEPLOYED),
    "NoSuchBucket": ("does not exist", _DEPLOYED),
    "QueueDoesNotExist": ("does not exist", _DEPLOYED),
    "AWS.SimpleQueueService.NonExistentQueue": ("does not exist", _DEPLOYED),
    "AccessDenied": ("may not be used", _GRANTED),
    "AccessDeniedException": ("may not be used", _GRANTED),
    "UnrecognizedClientException": ("may not be used", _GRANTED),
    "InvalidSignatureException": ("may not be used", _GRANTED),
    "SignatureDoesNotMatch": ("may not be used", _GRANTED),
    "InvalidAccessKeyId": ("may not be used", _GRANTED),
    "ExpiredToken": ("may not be used", _GRANTED),
    "ExpiredTokenException": ("may not be used", _GRANTED),
    "RequestExpired": ("may not be used", "Check that this machine's clock is synchronised (NTP)."),
    "RequestTimeTooSkewed": ("may not be used", "Check that this machine's clock is synchronised (NTP)."),
    "RequestTimeout": ("did not answer in time", _LATER),
    "TransactionConflictException": ("is contended by other writers", _LATER),
    "TransactionInProgressException": ("is contended by other writers", _LATER),
    "ConditionalRequestConflict": ("is contended by other writers", _LATER),
    "OperationAborted": ("is contended by other writers", _LATER),
}
_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_OTHER_KEYS = ("schema", "Missing the key", "specified index")
"""What DynamoDB says of a request that is made for a table with other keys."""
_NOT_SIGNED_IN = (
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
INTERRUPTED = (HTTPClientError, IncompleteReadError, ResponseStreamingError)
"""The connection broke, perhaps in the middle of an answer."""
_LOST = (*INTERRUPTED, ConnectionFailed)
_LOST_BEFORE = "QuartzDBLostBefore"
"""In the metadata of an answer: whether an attempt before it may have been carried out."""


@contextmanager
def told_as_unavailable(what: str, *, writes: bool = False) -> Iterator[None]:
    """Raise Unavailable or Corrupted, naming `what`, instead of AWS's errors; our own mistakes pass through.

    `writes`: the request changes something that a client will be told of. Where its answer was lost, or AWS failed
    over it, that is an OutcomeUnknown.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        told = failure(error, what)
        if writes and isinstance(told, Unavailable) and _may_have_happened(error):
            told = OutcomeUnknown(f"{told.message} The write may have been made.", hint=_AGAIN)
        if told is error:
            raise
        raise told from error


def failure(error: Exception, what: str) -> Exception:
    """The error to raise instead of `error`; `error` itself where it is a mistake in our own request."""
    if isinstance(error, ClientError):
        return _answered(error, what)
    if isinstance(error, FlexibleChecksumError):
        return Corrupted(f"{what} does not match its checksum: {error}.", hint="Restore it from a backup.")
    if isinstance(error, _NOT_SIGNED_IN):
        return Unavailable(f"{what} may not be used: {str(error).rstrip('.')}.", hint=_SIGNED_IN)
    if isinstance(error, NoRegionError):
        return Unavailable(
            f"{what} cannot be found without a region.", hint="Set AWS_REGION or give --region."
        )
    if isinstance(error, ParamValidationError):
        return error
    return Unavailable(f"{what} could not be reached: {error}.", hint=_LATER)


def error_code(error: ClientError) -> str:
    """AWS's name of the error ("ThrottlingException"), or the HTTP status where it has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def was_retried(response: Mapping[str, Any]) -> bool:
    """Whether the client sent the request more than once, so that an earlier one may have taken effect."""
    return bool(response.get("ResponseMetadata", {}).get("RetryAttempts", 0))


def note_lost_attempts(
    response: tuple[Any, dict[str, Any]] | None,
    caught_exception: Exception | None,
    request_dict: Mapping[str, Any],
    **_: object,
) -> None:
    """Have an error know that an earlier attempt of the client may have taken effect, although the last one did not.

    For botocore's event `needs-retry`, which comes after each attempt with what became of it.
    """
    context = request_dict["context"]
    if response is None:
        if isinstance(caught_exception, _LOST):
            context[_LOST_BEFORE] = True
        return
    answer, parsed = response
    metadata = parsed.setdefault("ResponseMetadata", {})
    metadata[_LOST_BEFORE] = context.get(_LOST_BEFORE, False)
    if answer.status_code >= 500 and parsed.get("Error", {}).get("Code") not in _THROTTLED:
        context[_LOST_BEFORE] = True


def _may_have_happened(error: Exception) -> bool:
    """Whether a write may have been made although this came of it.

    HAZARD: a connection that could not even be made counts, too: the client sends a request several times, and tells
    of the last time only.
    """
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = error_code(error)
        if error.response.get("ResponseMetadata", {}).get(_LOST_BEFORE):
            return True
        return (status >= 500 and code not in _THROTTLED) or code == "TransactionInProgressException"
    return isinstance(error, _LOST)


def _answered(error: ClientError, what: str) -> Exception:
    code = error_code(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _THROTTLED or status in {429, 503}:
        return Unavailable(
            f"{what} is throttled ({code}), also after retries.",
            hint="Slow down; DynamoDB and S3 raise their limits within minutes when load lasts.",
        )
    if code in _HINTS:
        says, hint = _HINTS[code]
        return Unavailable(f"{what} {says} ({code}).", hint=hint)
    said = str(error.response.get("Error", {}).get("Message", ""))
    if code == "ValidationException" and any(words in said for words in _OTHER_KEYS):
        return Unavailable(f"{what} is not one of QuartzDB: {said.rstrip('.')}.", hint=_DEPLOYED)
    if status >= 500:
        return Unavailable(f"{what} failed inside AWS ({code or status}), also after retries.", hint=_LATER)
    return error
