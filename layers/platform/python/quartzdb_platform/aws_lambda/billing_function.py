"""The function that asks Stripe: it alone has the SDK and the key, and neither a table nor an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb.domain.errors import Unavailable
from quartzdb.wiring.aws_clients import AwsClients
from quartzdb_platform.adapters.remote_payments import answered
from quartzdb_platform.adapters.stripe_calls import stripe_client
from quartzdb_platform.adapters.stripe_payments import StripePayments
from quartzdb_platform.aws_lambda.settings import PACKAGES, BillingFunctionSettings


def billing_function(settings: BillingFunctionSettings) -> LambdaHandler:
    """The handler: it is asked as `remote_payments` asks. Asks nobody yet."""
    observed = telemetry(settings, packages=PACKAGES)
    read_key = AwsClients(settings.region, settings.endpoints).secret_reader(settings.secret_arn)
    known: dict[str, StripePayments] = {}

    def payments() -> StripePayments:
        keys = read_key()
        if not keys:
            raise Unavailable("The secret with Stripe's key is empty.", hint="Store the key in it.")
        # A key that was exchanged has another client; the connections of the old one are left to end.
        if keys[0] not in known:
            known.clear()
            known[keys[0]] = StripePayments(stripe_client(keys[0], settings.api_url))
        return known[keys[0]]

    def handle(event: Any, context: Any) -> Mapping[str, Any]:  # noqa: ARG001 - Lambda's signature
        return answered(payments(), event)

    return observed.handler(handle)
