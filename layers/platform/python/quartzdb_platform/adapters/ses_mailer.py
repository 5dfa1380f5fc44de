"""Mail by Amazon SES (API version 2). What becomes of it is told later, by events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from botocore.exceptions import ClientError

from quartzdb.adapters.aws.failure import error_code, told_as_unavailable
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.adapters.mail_message import message_of
from quartzdb_platform.ports import Mail

# Not the sender's address: what the account may not do, and what nobody but its holder can change.
_OF_THE_ACCOUNT = frozenset(
    {
        "AccountSuspendedException",
        "BadRequestException",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "MessageRejected",
        "NotFoundException",
        "SendingPausedException",
        "TooManyRequestsException",
    }
)


class SesClient(Protocol):
    """What is used of a client of SES."""

    def send_email(self, **parameters: Any) -> Mapping[str, Any]:
        """As AWS has it."""
        ...


class SesMailer:
    """Mailer. `configuration_set` has the events go somewhere."""

    def __init__(
        self, client: SesClient, sender: str, clock: Clock, configuration_set: str | None = None
    ) -> None:
        self._client = client
        self._sender = sender
        self._clock = clock
        self._more = {} if configuration_set is None else {"ConfigurationSetName": configuration_set}

    def send(self, mail: Mail) -> None:
        """Hand it to SES. Raises Unavailable."""
        message = message_of(mail, self._sender, self._clock.unix_ms())
        with told_as_unavailable("Amazon SES"):
            try:
                self._client.send_email(
                    FromEmailAddress=self._sender,
                    Destination={"ToAddresses": [mail.to]},
                    Content={"Raw": {"Data": bytes(message)}},
                    **self._more,
                )
            except ClientError as error:
                if error_code(error) not in _OF_THE_ACCOUNT:
                    raise
                raise Unavailable(
                    f"The mail could not be sent: Amazon SES says {error_code(error)}.",
                    hint="Try again in a moment; whoever runs this platform finds more in the account of SES.",
                ) from error
