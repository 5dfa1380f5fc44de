"""What sends mail, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quartzdb.domain.clock import Clock
from quartzdb_platform.adapters.client_secret import secret_in_file
from quartzdb_platform.adapters.outbox import Outbox
from quartzdb_platform.adapters.ses_mailer import SesClient, SesMailer
from quartzdb_platform.adapters.smtp_mailer import SmtpMailer
from quartzdb_platform.domain.mail_settings import MailBy, MailSettings
from quartzdb_platform.ports import Mailer


def mailer_of(
    settings: MailSettings, outbox: Path, clock: Clock, ses: Callable[[str | None], SesClient]
) -> Mailer:
    """Asks nobody yet. `ses` makes a client for a region. Raises Unavailable."""
    if settings.by is MailBy.SMTP:
        password = None if settings.password_file is None else secret_in_file(Path(settings.password_file))
        return SmtpMailer(settings, password, clock)
    if settings.by is MailBy.SES:
        return SesMailer(ses(settings.region), settings.sender, clock, settings.configuration_set)
    return Outbox(outbox, settings.sender, clock)
