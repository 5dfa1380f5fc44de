"""How the platform's functions were deployed: the only module of the platform that reads environment variables."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quartzdb.aws_lambda.settings import endpoints_in, ill_formed, present, url_at, xray_daemon_in
from quartzdb.wiring.aws_clients import AwsEndpoints
from quartzdb_platform.aws_platform import AwsPlatformSettings

PACKAGES = ("quartzdb", "quartzdb_platform")
"""Whose log lines are a function's."""

DOCUMENT = "QUARTZDB_PLATFORM_SETTINGS_TOML"
"""The text of the settings, because a function has no file of its own."""


@dataclass(frozen=True, slots=True)
class PlatformFunctionSettings:
    """What one of them was deployed with. `origin_secret_arn` None: nobody sends it requests."""

    platform: AwsPlatformSettings
    service: str
    origin_secret_arn: str | None
    xray_daemon: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class MeteringFunctionSettings:
    """What the function that counts usage was deployed with. `table` is the platform's."""

    table: str
    service: str
    region: str | None
    endpoints: AwsEndpoints
    xray_daemon: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class BillingFunctionSettings:
    """What the function that asks Stripe was deployed with. It has no table. `api_url` None: Stripe itself."""

    secret_arn: str
    api_url: str | None
    service: str
    region: str | None
    endpoints: AwsEndpoints
    xray_daemon: tuple[str, int] | None


def read_billing_settings(environment: Mapping[str, str] = os.environ) -> BillingFunctionSettings:
    """The settings. Raises InvalidSettings, naming the variable."""
    return BillingFunctionSettings(
        secret_arn=present(environment, "QUARTZDB_STRIPE_SECRET_ARN"),
        api_url=environment.get("QUARTZDB_STRIPE_API_URL") or None,
        service=environment.get("POWERTOOLS_SERVICE_NAME") or "quartzdb-billing",
        region=environment.get("AWS_REGION") or None,
        endpoints=endpoints_in(environment),
        xray_daemon=xray_daemon_in(environment),
    )


def read_metering_settings(environment: Mapping[str, str] = os.environ) -> MeteringFunctionSettings:
    """The settings. Raises InvalidSettings, naming the variable."""
    return MeteringFunctionSettings(
        table=present(environment, "QUARTZDB_PLATFORM_TABLE"),
        service=environment.get("POWERTOOLS_SERVICE_NAME") or "quartzdb-metering",
        region=environment.get("AWS_REGION") or None,
        endpoints=endpoints_in(environment),
        xray_daemon=xray_daemon_in(environment),
    )


def read_settings(environment: Mapping[str, str] = os.environ) -> PlatformFunctionSettings:
    """The settings. Raises InvalidSettings, naming the variable."""
    return PlatformFunctionSettings(
        AwsPlatformSettings(
            table=present(environment, "QUARTZDB_PLATFORM_TABLE"),
            database_table=present(environment, "QUARTZDB_TABLE"),
            url=url_at(environment, "QUARTZDB_PLATFORM_URL"),
            sender=present(environment, "QUARTZDB_PLATFORM_SENDER"),
            configuration_set=present(environment, "QUARTZDB_PLATFORM_CONFIGURATION_SET"),
            secret_scanning_keys_url=environment.get("QUARTZDB_SECRET_SCANNING_KEYS_URL") or None,
            document=_document(environment),
            billing_function=environment.get("QUARTZDB_BILLING_FUNCTION") or None,
            webhook_secret_arn=environment.get("QUARTZDB_STRIPE_WEBHOOK_SECRET_ARN") or None,
            bucket=environment.get("QUARTZDB_BUCKET") or None,
            tenant_data_function=environment.get("QUARTZDB_TENANT_DATA_FUNCTION") or None,
            region=environment.get("AWS_REGION") or None,
            endpoints=endpoints_in(environment),
        ),
        service=environment.get("POWERTOOLS_SERVICE_NAME") or "quartzdb-platform",
        origin_secret_arn=environment.get("QUARTZDB_ORIGIN_SECRET_ARN") or None,
        xray_daemon=xray_daemon_in(environment),
    )


def _document(environment: Mapping[str, str]) -> Mapping[str, Any]:
    text = environment.get(DOCUMENT, "")
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise ill_formed(DOCUMENT, text[:40], f"TOML ({error})") from error
