"""The function that answers /platform/*, put together once at init: settings → use cases → application → handler."""

from __future__ import annotations

from quartzdb.adapters.system_clock import SystemClock
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.origin_secret import OriginSecret
from quartzdb.aws_lambda.settings import needed
from quartzdb.aws_lambda.snapstart import after_restore, reseed
from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb_platform.api.app import create_app
from quartzdb_platform.aws_lambda.settings import PACKAGES, PlatformFunctionSettings
from quartzdb_platform.aws_platform import open_aws_platform
from quartzdb_platform.console.app import add_console


def platform_function(settings: PlatformFunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet. Raises InvalidSettings."""
    secret_arn = needed(settings.origin_secret_arn, "QUARTZDB_ORIGIN_SECRET_ARN")
    observed = telemetry(settings, packages=PACKAGES)
    clients = settings.platform.clients()
    secret = OriginSecret(clients.secret_reader(secret_arn), SystemClock())
    app = create_app(open_aws_platform(settings.platform, clients))
    add_console(app)

    def renew() -> None:
        secret.forget()
        reseed()

    after_restore(renew)
    return observed.handler(http_handler(app, secret, observed))
