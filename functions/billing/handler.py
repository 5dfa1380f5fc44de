"""The billing function: what the platform's functions ask of Stripe."""

from __future__ import annotations

from quartzdb_platform.aws_lambda.billing_function import billing_function
from quartzdb_platform.aws_lambda.settings import read_billing_settings

handler = billing_function(read_billing_settings())
