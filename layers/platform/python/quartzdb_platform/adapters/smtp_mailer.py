"""Mail over SMTP, one connection a mail: nobody waits for mail but people, who send little."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.adapters.client_secret import ReadSecret
from quartzdb_platform.adapters.mail_message import message_of
from quartzdb_platform.domain.errors import Undeliverable
from quartzdb_platform.domain.mail_settings import MailSettings, SmtpSecurity
from quartzdb_platform.ports import Mail

SECONDS_MAX = 10.0
# RFC 3463: X.1.1 no such mailbox, X.1.2 no such system, X.1.3 no such form, X.1.6 moved, X.1.10 takes no mail.
_NO_SUCH_MAILBOX = re.compile(rb"\b5\.1\.(?:1|2|3|6|10)\b")


class SmtpMailer:
    """Mailer. The server's certificate has to be good for its name."""

    def __init__(
        self,
        settings: MailSettings,
        password: ReadSecret | None,
        clock: Clock,
        *,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._tls = tls

    def send(self, mail: Mail) -> None:
        """Hand it to the server. Raises Undeliverable where that refuses the address, Unavailable."""
        message = message_of(mail, self._settings.sender, self._clock.unix_ms())
        try:
            with self._connected() as server:
                if self._settings.username is not None and self._password is not None:
                    server.login(self._settings.username, self._password())
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            status, said = next(iter(error.recipients.values()))
            if status < 500:
                raise _unavailable(f"it takes no mail for that address now ({status})") from error
            raise Undeliverable(
                f"The mail server refuses mail for this address ({status}).",
                for_good=_NO_SUCH_MAILBOX.search(said) is not None,
            ) from error
        except smtplib.SMTPResponseException as error:
            # What it says may have the address and the user name in it.
            raise _unavailable(f"it answered {error.smtp_code}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise _unavailable(type(error).__name__) from error

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security is SmtpSecurity.TLS:
            return smtplib.SMTP_SSL(settings.host, settings.port, timeout=SECONDS_MAX, context=self._tls())
        server = smtplib.SMTP(settings.host, settings.port, timeout=SECONDS_MAX)
        try:
            if settings.security is SmtpSecurity.STARTTLS:
                server.starttls(context=self._tls())
        except BaseException:
            server.close()
            raise
        return server


def _unavailable(why: str) -> Unavailable:
    return Unavailable(f"The mail could not be sent: {why}.", hint="Try again in a moment.")
