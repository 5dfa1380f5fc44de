"""What the platform refuses, beside what the database's error tree has."""

from __future__ import annotations

from quartzdb.domain import errors
from quartzdb.domain.errors import Forbidden, InvalidArgument, QuartzError, Reached


class TooManyAttempts(QuartzError):
    """Something was tried oftener than one may.

    `retry_after_seconds`: when it may be tried again.
    """

    code = "too_many_attempts"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message, hint=f"Try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class LimitReached(errors.LimitReached):
    """There are as many of something as there may be on any plan."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(
            f"There are {most} {what}, the most that there may be.",
            Reached(what, most, most, what),
            hint="Remove one first.",
        )


class Undeliverable(InvalidArgument):
    """An address takes no mail.

    `for_good`: it will not later either, as far as its server says.
    """

    code = "undeliverable"

    def __init__(self, message: str, *, for_good: bool, hint: str = "Use another address.") -> None:
        super().__init__(message, field="email", hint=hint)
        self.for_good = for_good


class StepUpRequired(Forbidden):
    """The sign-in is too long ago for something this dangerous."""

    code = "step_up_required"


class PaymentDeclined(QuartzError):
    """A card was declined, or has to be confirmed. Nothing was changed."""

    code = "payment_declined"
