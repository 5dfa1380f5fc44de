"""Settings of a deployment: what may be said, and how a mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk.artifacts import Artifacts, NotBuilt
from cdk.settings import InvalidSetting, read_settings


def test_without_a_word_it_is_a_development_deployment() -> None:
    """One that can be thrown away."""
    settings = read_settings({})
    assert settings.environment == "dev"
    assert settings.prefix == "quartzdb-dev"
    assert settings.keep_data is False


def test_production_keeps_its_data() -> None:
    """And its logs for longer."""
    settings = read_settings({"environment": "prod"})
    assert settings.keep_data is True
    assert settings.log_retention_days > read_settings({}).log_retention_days


def test_values_of_the_command_line_are_text() -> None:
    """And become what the setting is; nothing at all switches off what can be."""
    settings = read_settings(
        {
            "quartzdb:search_memory_mb": "2048",
            "quartzdb:keep_data": "true",
            "quartzdb:waf_requests_per_5_minutes": "",
            "quartzdb:architecture": "arm64",
        }
    )
    assert settings.search_memory_mb == 2_048
    assert settings.keep_data is True
    assert settings.waf_requests_per_5_minutes is None
    assert settings.architecture == "arm64"


def test_an_environment_may_have_settings_of_its_own() -> None:
    """In cdk.json; the command line goes before them, and others' are not looked at."""
    context = {
        "environment": "prod",
        "quartzdb:prod": {"region": "eu-west-1", "api_memory_mb": 2_048},
        "quartzdb:dev": {"region": "eu-north-1"},
        "quartzdb:api_memory_mb": "1024",
        "aws-cdk:something-else": "is not ours",
    }
    settings = read_settings(context)
    assert settings.region == "eu-west-1"
    assert settings.api_memory_mb == 1_024


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"environment": "staging"}, "environment is 'staging'; it has to be one of dev, prod, local"),
        ({"quartzdb:api_memory": "512"}, "no setting 'api_memory'.*api_memory_mb"),
        ({"quartzdb:api_memory_mb": "lots"}, "api_memory_mb is 'lots'; it has to be a whole number"),
        ({"quartzdb:api_memory_mb": "64"}, "api_memory_mb is 64; it has to be from 512 to 10,240"),
        ({"quartzdb:keep_data": "yes"}, "keep_data is 'yes'; it has to be true or false"),
        ({"quartzdb:region": "Frankfurt"}, "region is 'Frankfurt'"),
        ({"quartzdb:architecture": "riscv"}, "one of x86_64, arm64"),
        ({"quartzdb:default_engine": "scann"}, "one of auto, annoy, ivf, hnsw, exact"),
        ({"quartzdb:changes_days": "366"}, "changes_days is 366; it has to be from 0 to 365"),
        ({"quartzdb:log_retention_days": "10"}, "log_retention_days is 10; it has to be one of 1, 3, 5, 7"),
        ({"quartzdb:waf_requests_per_5_minutes": "1"}, "from 10 to"),
        ({"quartzdb:cloudfront": "no"}, "cloudfront is 'no'; it has to be true or false"),
        (
            {"quartzdb:cloudfront": "false", "quartzdb:waf_requests_per_5_minutes": "2000"},
            "waf_requests_per_5_minutes needs CloudFront, which cloudfront=false leaves out: a web ACL cannot",
        ),
        ({"quartzdb:cloudfront": "false", "quartzdb:edge_logs": "true"}, "edge_logs needs CloudFront"),
        (
            {
                "quartzdb:cloudfront": "false",
                "quartzdb:domain_name": "db.example.com",
                "quartzdb:hosted_zone": "Z1/example.com",
            },
            "domain_name needs CloudFront.*AWS's name and certificate",
        ),
        ({"quartzdb:cloudfront": "false", "quartzdb:docs": "true"}, "docs needs CloudFront"),
        (
            {
                "quartzdb:cloudfront": "false",
                "quartzdb:platform": "true",
                "quartzdb:platform_url": "https://db.example.com",
                "quartzdb:mail_domain": "example.com",
            },
            "platform needs CloudFront.*under the same name",
        ),
        (
            {"quartzdb:cloudfront": "false", "quartzdb:cloudflare_domain": "db.example.workers.dev"},
            "cloudflare_domain needs CloudFront.*router",
        ),
        ({"quartzdb:cloudfront": "false", "quartzdb:search_concurrency": "5"}, "set api_concurrency"),
        ({"quartzdb:cloudfront": "false", "quartzdb:origin_secret_version": "a"}, "origin_secret_version"),
        ({"quartzdb:cloudfront": "false", "quartzdb:price_class": "all"}, "price_class is CloudFront's"),
        ({"quartzdb:alarm_email": "ops"}, "an e-mail address"),
        ({"quartzdb:domain_name": "db.example.com"}, "needs a certificate_arn, a hosted_zone, or both"),
        ({"quartzdb:hosted_zone": "Z1/example.com"}, "belong to a domain_name"),
        (
            {"quartzdb:domain_name": "db.example.org", "quartzdb:hosted_zone": "Z1/example.com"},
            "'db.example.org' is not in the zone 'example.com'",
        ),
        (
            {"quartzdb:domain_name": "db.example.org", "quartzdb:hosted_zone": "example.org"},
            "of the form Z0123456789ABC/example.com",
        ),
        (
            {
                "quartzdb:domain_name": "db.example.org",
                "quartzdb:certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/0a",
            },
            "a certificate in us-east-1",
        ),
        ({"quartzdb:dev": "region=eu-west-1"}, "quartzdb:dev has to be an object"),
    ],
)
def test_a_mistake_is_told_by_its_setting(context: dict[str, object], message: str) -> None:
    """What was said, and what may be said."""
    with pytest.raises(InvalidSetting, match=message):
        read_settings(context)


def test_missing_layers_name_the_command_that_builds_them(tmp_path: Path) -> None:
    """They are not built by synthesis, which needs no network and no minutes."""
    with pytest.raises(NotBuilt, match="run `make layers` first"):
        Artifacts(layers_dir=tmp_path).layer("x86_64", "api")


def test_a_function_without_a_handler_is_not_deployed(tmp_path: Path) -> None:
    """It would only be found out at its first invocation."""
    (tmp_path / "api").mkdir()
    with pytest.raises(NotBuilt, match=r"api has no handler\.py"):
        Artifacts(functions_dir=tmp_path).function("api")
