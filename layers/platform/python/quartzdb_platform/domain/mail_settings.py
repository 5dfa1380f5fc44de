"""How mail is sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MailBy(StrEnum):
    """What takes mail: a folder, a server, or Amazon SES."""

    OUTBOX = "outbox"
    SMTP = "smtp"
    SES = "ses"


class SmtpSecurity(StrEnum):
    """TLS from the first byte (port 465), begun within the connection (587), or none: on this machine alone."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailSettings:
    """`sender` as a header has it. `password_file` is read each time. `configuration_set` is SES's."""

    by: MailBy = MailBy.OUTBOX
    sender: str = "QuartzDB <no-reply@localhost>"
    host: str = "localhost"
    port: int = 587
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    username: str | None = None
    password_file: str | None = None
    configuration_set: str | None = None
    region: str | None = None
