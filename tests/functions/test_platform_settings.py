"""How the platform's function is deployed: what its environment has to say, and how a mistake is told."""

from __future__ import annotations

import pytest

from quartzdb.aws_lambda.settings import InvalidSettings
from quartzdb_platform.aws_lambda.platform_function import platform_function
from quartzdb_platform.aws_lambda.settings import read_settings

ENVIRONMENT = {
    "QUARTZDB_TABLE": "database",
    "QUARTZDB_PLATFORM_TABLE": "platform",
    "QUARTZDB_PLATFORM_URL": "https://db.example.com/",
    "QUARTZDB_PLATFORM_CONFIGURATION_SET": "quartzdb-prod-platform",
    "QUARTZDB_PLATFORM_SENDER": "QuartzDB <no-reply@example.com>",
    "QUARTZDB_ORIGIN_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-AbCdEf",
    "QUARTZDB_PLATFORM_SETTINGS_TOML": '[passkeys]\nrp_id = "example.com"',
    "AWS_REGION": "eu-central-1",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
}


def test_what_the_stack_writes_is_what_the_function_is_told() -> None:
    """Both tables, the address without its slash, who mail comes from."""
    settings = read_settings(ENVIRONMENT)
    assert (settings.platform.table, settings.platform.database_table) == ("platform", "database")
    assert settings.platform.url == "https://db.example.com"
    assert settings.platform.configuration_set == "quartzdb-prod-platform"
    assert settings.platform.region == "eu-central-1"
    assert settings.platform.document == {"passkeys": {"rp_id": "example.com"}}
    assert settings.xray_daemon == ("127.0.0.1", 2000)


@pytest.mark.parametrize(
    "variable",
    [
        "QUARTZDB_TABLE",
        "QUARTZDB_PLATFORM_TABLE",
        "QUARTZDB_PLATFORM_URL",
        "QUARTZDB_PLATFORM_CONFIGURATION_SET",
        "QUARTZDB_PLATFORM_SENDER",
    ],
)
def test_what_is_missing_is_told_by_its_variable(variable: str) -> None:
    """When the function starts, not at the first request that needs it."""
    with pytest.raises(InvalidSettings, match=f"{variable} is not set"):
        read_settings({**ENVIRONMENT, variable: ""})


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("QUARTZDB_PLATFORM_URL", "db.example.com", "an address without a path"),
        ("QUARTZDB_PLATFORM_SETTINGS_TOML", "passkeys", "TOML"),
    ],
)
def test_a_mistake_is_told_with_what_may_be_said(variable: str, value: str, says: str) -> None:
    """The value that was found, and what it has to be."""
    with pytest.raises(InvalidSettings, match=f"{variable} is '{value}'.*{says}"):
        read_settings({**ENVIRONMENT, variable: value})


def test_nobody_gets_around_the_edge_by_an_omission() -> None:
    """Without the origin secret there is no function."""
    with pytest.raises(InvalidSettings, match="QUARTZDB_ORIGIN_SECRET_ARN is not set"):
        platform_function(read_settings({**ENVIRONMENT, "QUARTZDB_ORIGIN_SECRET_ARN": ""}))
