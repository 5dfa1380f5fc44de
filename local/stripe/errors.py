"""What a request is answered when it cannot be done, in the shape of Stripe's errors."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """`status` is HTTP's; the rest is what the SDK makes its exceptions of. The request changed nothing,
    unless it `happened`: a payment that was tried and declined was tried."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        happened: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.happened = happened

    def body(self) -> dict[str, Any]:
        """As JSON; what does not apply is left out, as Stripe does."""
        said = {
            "code": self.code,
            "decline_code": self.decline_code,
            "message": self.message,
            "param": self.param,
            "type": self.kind,
        }
        return {"error": {name: value for name, value in said.items() if value is not None}}


def no_such(what: str, wanted: str, param: str = "id", *, status: int = 404) -> Refused:
    """There is none with that id. `status` is 404 for the address, and 400 for a parameter."""
    return Refused(f"No such {what}: '{wanted}'", status=status, code="resource_missing", param=param)


def not_here(what: str, param: str | None = None) -> Refused:
    """Stripe can do this and this server cannot: never silently left undone."""
    return Refused(
        f"local/stripe does not do this: {what}. Stripe itself does; see local/stripe/README.md.",
        code="local_stripe_does_not_do_this",
        param=param,
    )


def card_declined(message: str, code: str, decline_code: str | None) -> Refused:
    """The bank said no. Only some codes have a decline code beside them."""
    return Refused(message, status=402, kind="card_error", code=code, decline_code=decline_code)
