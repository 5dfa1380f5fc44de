"""The mail events function: addresses from which mail came back for good are not sent any more."""

from __future__ import annotations

from quartzdb_platform.aws_lambda.mail_events_function import mail_events_function
from quartzdb_platform.aws_lambda.settings import read_metering_settings

handler = mail_events_function(read_metering_settings())
