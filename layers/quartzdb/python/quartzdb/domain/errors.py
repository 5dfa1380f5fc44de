"""The one error tree. An error says what happened, to what, and what to do about it.

Only the HTTP layer turns these into status codes; nothing below it knows HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

from quartzdb.domain.values import dataclass

STORAGE_FULL_RETRY_SECONDS = 30.0
"""Somebody has to delete something first."""


class QuartzError(Exception):
    """Something a caller can understand and act on.

    `code` is stable and machine-readable; `field` is the path of the offending input, where there is one;
    `hint` says what to do.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


@contextmanager
def within_field(place: str) -> Iterator[None]:
    """Errors that are raised inside get `place` before their field: what is wrong is in a part of the input."""
    try:
        yield
    except QuartzError as error:
        error.field = f"{place}.{error.field}" if error.field else place
        raise


class InvalidArgument(QuartzError):
    """An input breaks a documented rule."""

    code = "invalid_argument"


class InvalidVector(InvalidArgument):
    """A vector is empty, too long, not finite, or has no direction where the metric needs one."""

    code = "invalid_vector"


class DimensionMismatch(InvalidVector):
    """A vector's length is not the namespace's dimension."""

    code = "dimension_mismatch"


class InvalidId(InvalidArgument):
    """A record id has the wrong length or characters."""

    code = "invalid_id"


class DuplicateId(InvalidArgument):
    """One batch names the same id twice, so its outcome would depend on order."""

    code = "duplicate_id"


class InvalidMetadata(InvalidArgument):
    """Metadata is not a JSON object, or breaks its limits."""

    code = "invalid_metadata"


class InvalidFilter(InvalidArgument):
    """A filter has an unknown operator, a wrong operand or too many clauses."""

    code = "invalid_filter"


class InvalidKey(InvalidArgument):
    """A key-value key is empty, too long or not encodable text."""

    code = "invalid_key"


class InvalidCursor(InvalidArgument):
    """A cursor was not made by this listing, or was altered."""

    code = "invalid_cursor"


class ChangesGone(QuartzError):
    """The change feed is not kept from there on. Whoever follows it takes the problem's `cursor`, reads everything
    anew, and then goes on from that cursor: what is written meanwhile comes after it.
    """

    code = "changes_gone"

    def __init__(self, message: str, *, cursor: str) -> None:
        super().__init__(
            message,
            field="cursor",
            hint="Keep the `cursor` of this problem, list everything anew (POST …/vectors/list, or GET …/kv), then go "
            "on from that cursor.",
        )
        self.cursor = cursor


class InvalidVersion(InvalidArgument):
    """A version token does not parse, or is further ahead than any honest clock."""

    code = "invalid_version"


class TooLarge(InvalidArgument):
    """An input is over a size limit."""

    code = "too_large"


class TooCostly(QuartzError):
    """A request that breaks no rule by itself asks for more at once than one request may. It can be split."""

    code = "too_costly"


class AnswerTooLarge(TooCostly):
    """The answer would be larger than what can be sent at once."""

    code = "answer_too_large"

    def __init__(self, bytes_max: int, *, field: str | None = None) -> None:
        super().__init__(
            f"The answer is larger than the {bytes_max} bytes that can be sent at once.",
            field=field,
            hint="Ask for fewer records or queries in one request, or leave their vectors or metadata out.",
        )


class FilterTooCostly(TooCostly):
    """The filters of one request have more clauses and operands together than one request may."""

    code = "filter_too_costly"


class TooDeep(TooCostly):
    """A page of a query lies deeper than an index is searched for pages."""

    code = "too_deep"

    def __init__(self, depth_max: int) -> None:
        super().__init__(
            f"The pages of an approximate search go {depth_max:,} records deep, and this one lies beyond.",
            field="cursor",
            hint="Begin anew with a narrower filter, or with `recall`: 1, whose pages go to the end.",
        )


class TooManyGroups(TooCostly):
    """An aggregate would have more groups, or more different values, than are counted for one answer."""

    code = "too_many_groups"

    def __init__(self, groups_max: int) -> None:
        super().__init__(
            f"There are more than {groups_max} different groups or values.",
            field="aggregates",
            hint="Narrow the filter, or group by a field with fewer different values.",
        )


class NotFound(QuartzError):
    """What was named does not exist."""

    code = "not_found"


class NamespaceNotFound(NotFound):
    """No namespace of that name exists for this tenant."""

    code = "namespace_not_found"


class RecordNotFound(NotFound):
    """No live record has that id."""

    code = "record_not_found"


class ErasureNotFound(NotFound):
    """The namespace has no erasure with that id."""

    code = "erasure_not_found"


class KeyNotFound(NotFound):
    """No live key-value item has that key."""

    code = "key_not_found"


class Conflict(QuartzError):
    """The request contradicts the present state."""

    code = "conflict"


class NamespaceExists(Conflict):
    """A namespace of that name exists with other settings."""

    code = "namespace_exists"


class NamespaceDiffers(Conflict):
    """Two sites have a namespace of one name with different settings, so that nothing can be replicated."""

    code = "namespace_differs"


class NamespaceShared(Conflict):
    """A namespace that is replicated cannot be deleted: the other site would bring it back."""

    code = "namespace_shared"


class NotActiveSite(Conflict):
    """Only the active site can decide a compare-and-set on data that two sites write."""

    code = "not_active_site"


class VersionNotApplied(Conflict):
    """The version token is of a write at the other site that has not come to this one yet, nor while the request waited
    for it. Nothing was read. Send the request again after `Retry-After`.
    """

    code = "version_not_applied"

    def __init__(self, message: str, *, field: str, hint: str, retry_after_s: float) -> None:
        super().__init__(message, field=field, hint=hint)
        self.retry_after_s = retry_after_s


class IdempotencyConflict(Conflict):
    """An idempotency key was used before for another request, or its first request still runs."""

    code = "idempotency_conflict"


@dataclass(frozen=True, slots=True)
class UnmetCondition:
    """A record or item of a batch whose condition does not hold. `version`: None where it does not exist."""

    id: str
    version: str | None
    reason: str


class PreconditionFailed(QuartzError):
    """A compare-and-set did not find the version that it named. Of a batch, the problem's `failures` say of each record
    that is not as it should be which version it is at.
    """

    code = "precondition_failed"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        failures: Sequence[UnmetCondition] = (),
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.failures = failures


class Unauthenticated(QuartzError):
    """No key was given, or it is unknown, expired, revoked or mistyped."""

    code = "unauthenticated"


class Forbidden(QuartzError):
    """The key is good but does not have the scope that the request needs."""

    code = "forbidden"


class TenantSuspended(Forbidden):
    """Whoever runs this database has suspended the tenant that the key belongs to."""

    code = "tenant_suspended"


class WrongRegion(Forbidden):
    """The tenant's data has to stay in a region that this site is not in."""

    code = "wrong_region"


class TenantReadOnly(Forbidden):
    """Whoever runs this database lets the tenant that the key belongs to read, and change nothing."""

    code = "tenant_read_only"


class Reached(NamedTuple):
    """A limit: its name, what of it is used or asked for, what is allowed, in which unit; when it begins anew, None for
    never; where it can be raised.
    """

    limit: str
    used: int
    allowed: int
    unit: str
    resets_at_ms: int | None = None
    raise_at: str | None = None


class LimitReached(QuartzError):
    """What is asked for is more than the tenant's plan allows, or something is used up. The problem's `limit`, `used`,
    `allowed`, `unit`, `resets_at` and `raise_at` say what, and where more can be had.
    """

    code = "limit_reached"

    def __init__(
        self, message: str, reached: Reached, *, field: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.reached = reached


class Unavailable(QuartzError):
    """The request is good and could not be done now; it may succeed when it is sent again. Nothing was changed, unless
    it is an OutcomeUnknown.

    `retry_after_s`: how long to wait at least, where whoever refused has said so.
    """

    code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, field=field, hint=hint)
        self.retry_after_s = retry_after_s


class OutcomeUnknown(Unavailable):
    """The answer of the storage was lost, so nobody can say whether the write was made. Sending it again is safe: an
    upsert, a put or a delete ends in the same state, and what is conditional fails where it was made before.
    """

    code = "outcome_unknown"


class StorageFull(Unavailable):
    """The disk is full, so nothing was written. What frees space is still done: deletions, and compacting."""

    code = "storage_full"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, field=field, hint=hint, retry_after_s=STORAGE_FULL_RETRY_SECONDS)


class DeadlineExceeded(Unavailable):
    """The request was not done when the time for it ended. A write may have happened or not."""

    code = "deadline_exceeded"


class ClockSkew(Unavailable):
    """What was sent is further ahead of this machine's clock than the documented bound: one of the clocks is wrong."""

    code = "clock_skew"


class Corrupted(QuartzError):
    """Stored bytes do not match their recorded size or checksum, so they are not served."""

    code = "corrupted"
