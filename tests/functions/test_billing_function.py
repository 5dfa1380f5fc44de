"""The function that asks Stripe: its key is in Secrets Manager, and who asks is answered as without it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import Session

from local.stripe.app import LocalStripe
from quartzdb.aws_lambda.settings import InvalidSettings
from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb_platform.adapters.remote_payments import remote_payments
from quartzdb_platform.aws_lambda.billing_function import billing_function
from quartzdb_platform.aws_lambda.settings import read_billing_settings
from quartzdb_platform.domain.catalogue import catalogue_of
from quartzdb_platform.plans.plan_file import load_plans
from tests.aws_emulators import Emulators
from tests.functions.lambda_context import FakeContext
from tests.http_server import serving
from tests.platform.plan_words import MONTH

KEY = "sk_test_of_a_function"


@pytest.fixture
def stripe() -> Iterator[str]:
    """Where it is."""
    server = LocalStripe(secret_key=KEY)
    with serving(server) as url:
        server.at(url)
        yield url


@pytest.fixture
def environment(aws: Emulators, stripe: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    endpoint = aws.get("moto").dynamodb.meta.endpoint_url
    for variable, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
        monkeypatch.setenv(variable, value)
    secrets: Any = Session().create_client("secretsmanager", region_name="us-east-1", endpoint_url=endpoint)
    arn = secrets.create_secret(Name=f"stripe-{time.monotonic_ns()}", SecretString=KEY)["ARN"]
    secrets.close()
    return {
        "QUARTZDB_STRIPE_SECRET_ARN": arn,
        "QUARTZDB_STRIPE_API_URL": stripe,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
        "AWS_REGION": "us-east-1",
    }


def test_stripe_is_asked_with_the_key_of_the_secret(environment: dict[str, str]) -> None:
    """Products are made, a customer is, and is found again; a request that is none is an error of whoever sent it."""
    handler = billing_function(read_billing_settings(environment))
    payments = remote_payments(lambda sent: json.dumps(handler(json.loads(sent), FakeContext())).encode())
    catalogue = catalogue_of(load_plans(), MONTH)
    # Two products, three meters, four prices of each plan, and the portal.
    assert len(payments.publish(catalogue, "https://db.example.com/platform")) == 2 + 3 + 8 + 1
    assert payments.publish(catalogue, "https://db.example.com/platform") == []
    customer = payments.create_customer("org_1", "Mine", "a@example.com")
    facts = payments.facts(customer)
    assert facts is not None
    assert (facts.organization_id, facts.email) == ("org_1", "a@example.com")
    with pytest.raises(InvalidArgument):
        handler({"do": "drop"}, FakeContext())


def test_a_wrong_key_is_told_and_a_missing_setting_is(environment: dict[str, str]) -> None:
    """The one to who asks, the other when the function starts."""
    with pytest.raises(InvalidSettings, match="QUARTZDB_STRIPE_SECRET_ARN is not set"):
        read_billing_settings({**environment, "QUARTZDB_STRIPE_SECRET_ARN": ""})
    nowhere = {**environment, "QUARTZDB_STRIPE_SECRET_ARN": f"{environment['QUARTZDB_STRIPE_SECRET_ARN']}x"}
    handler = billing_function(read_billing_settings(nowhere))
    payments = remote_payments(lambda sent: json.dumps(handler(json.loads(sent), FakeContext())).encode())
    with pytest.raises(Unavailable):
        payments.customers(None, 1)
