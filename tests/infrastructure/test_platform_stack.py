"""The platform's stack: nothing of it without its setting, and with it no more rights than accounts and keys need."""

from __future__ import annotations

import fnmatch
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cdk.constructs.usage_subscription import PATTERN
from cdk.platform_document import read_document
from cdk.settings import InvalidSetting, read_settings
from quartzdb.aws_lambda.settings import read_settings as read_data_settings
from quartzdb.domain.clock import Clock
from quartzdb_platform.api.app import create_app
from quartzdb_platform.aws_lambda.cloudwatch_logs import FILTER_PATTERN
from quartzdb_platform.aws_lambda.settings import read_billing_settings, read_metering_settings
from quartzdb_platform.aws_lambda.settings import read_settings as read_function_settings
from quartzdb_platform.aws_platform import AwsPlatformSettings, open_aws_platform
from tests.infrastructure.synthesis import PLATFORM_SETTINGS, Deployment, statements

ALARMS = {
    "platform-errors",
    "platform-throttles",
    "platform-duration",
    "platform-server-errors",
    "platform-table-throttles",
    "upkeep-errors",
    "upkeep-stopped",
    "upkeep-failures",
    "upkeep-unstarted",
    "metering-errors",
    "metering-late",
    "metering-uncounted",
    "mail-events-errors",
    "tenant-data-errors",
    "tenant-data-throttles",
    "storage-drift",
    "mail-bounces",
    "mail-complaints",
}
FUNCTIONS = ("platform", "platform_upkeep")
_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:stripe-AbCdEf"
ALL = (*FUNCTIONS, "metering", "platform_mail_events")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _allowed(deployment: Deployment, function: str) -> list[Mapping[str, Any]]:
    """What the role of a function may do."""
    role = deployment.function(function).properties["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for owner, statement in statements(deployment)
        if owner.stack == "platform" and {"Ref": role} in owner.properties.get("Roles", [])
    ]


def _on(deployment: Deployment, function: str, service: str) -> list[Mapping[str, Any]]:
    """The statements on a service."""
    return [
        one
        for one in _allowed(deployment, function)
        if any(action.startswith(f"{service}:") for action in _list(one["Action"]))
    ]


@pytest.mark.parametrize("name", ["dev", "prod", "abroad", "two_origins", "mirrored"])
def test_without_its_setting_there_is_no_word_of_it(deployments: dict[str, Deployment], name: str) -> None:
    """No stack, and in no template of the others anything that is called so."""
    deployment = deployments[name]
    assert set(deployment.templates) == {"data", "service", "edge", "observability"}
    for template in deployment.templates.values():
        assert "platform" not in json.dumps(template).lower().replace("quartzdb-platform", "platform")


def test_beside_it_the_rest_is_as_without_it(deployments: dict[str, Deployment]) -> None:
    """Every resource of the database is there unchanged, but for the distribution, which has one path more."""
    without, beside = deployments["dev"].templates, deployments["platform"].templates
    assert beside["data"]["Resources"] == without["data"]["Resources"]
    service = beside["service"]["Resources"]
    assert {name: service[name] for name in without["service"]["Resources"]} == without["service"][
        "Resources"
    ]
    more = service.keys() - without["service"]["Resources"].keys()
    assert all(name.startswith("TenantData") for name in more), "the function that has rights on data"
    edge = {name: beside["edge"]["Resources"][name] for name in without["edge"]["Resources"]}
    for name, resource in without["edge"]["Resources"].items():
        if resource["Type"] != "AWS::CloudFront::Distribution":
            assert edge[name] == resource
            continue
        before, after = (one["Properties"]["DistributionConfig"] for one in (resource, edge[name]))
        added = [one for one in after["CacheBehaviors"] if one not in before["CacheBehaviors"]]
        assert [one["PathPattern"] for one in added] == ["/platform/*"]
        assert [one for one in after["CacheBehaviors"] if one not in added] == before["CacheBehaviors"]
        assert after["Origins"][: len(before["Origins"])] == before["Origins"]
        assert len(after["Origins"]) == len(before["Origins"]) + 1
        for part in before.keys() - {"CacheBehaviors", "Origins"}:
            assert after[part] == before[part], part


def test_documents_can_be_taken_back_in_time_and_expire(
    accounts: Deployment, deployments: dict[str, Deployment]
) -> None:
    """As the database's table; where data is kept, the table is as well."""
    table = accounts.one("AWS::DynamoDB::Table", stack="platform")
    assert table.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table.properties["BillingMode"] == "PAY_PER_REQUEST"
    kept = accounts is deployments["platform_abroad"]
    assert table.properties["DeletionProtectionEnabled"] is kept
    assert table.whole["DeletionPolicy"] == ("Retain" if kept else "Delete")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_of_the_database_it_reaches_keys_grants_and_the_catalog_only(accounts: Deployment, name: str) -> None:
    """By leading keys, put and ended but never deleted; no scan, no object, nothing of anybody's data."""
    conditional = [one for one in _on(accounts, name, "dynamodb") if "Condition" in one]
    families = {"KEY#*", "KEYS#*", "GRANTS", "NAMESPACES#*", "TENANTS"}
    probed = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ORIGIN"]}}
    (status,) = [one for one in conditional if one["Condition"] == probed]
    assert set(status["Action"]) == {"dynamodb:GetItem", "dynamodb:Query"}
    on_database = [one for one in conditional if one is not status]
    for statement in on_database:
        assert set(statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) == families
    assert {action for one in on_database for action in _list(one["Action"])} == {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    }
    table = {"Fn::GetAtt": [accounts.one("AWS::DynamoDB::Table", stack="platform").id, "Arn"]}
    (own,) = [one for one in _on(accounts, name, "dynamodb") if "Condition" not in one]
    assert own["Resource"] == table, "what has no condition is the platform's own table"
    assert {"dynamodb:Scan", "dynamodb:BatchWriteItem"}.isdisjoint(own["Action"])
    # What answers people makes links to archives, and reads nothing else of the bucket.
    objects = _on(accounts, name, "s3")
    assert [one["Action"] for one in objects] == (["s3:GetObject"] if name == "platform" else [])
    assert all("/exports/*" in json.dumps(one["Resource"]) for one in objects)


def test_nothing_else_of_aws_is_reached(accounts: Deployment) -> None:
    """Both tables, the origin secret, mail, its log and its traces."""
    services = {
        action.partition(":")[0]
        for name in FUNCTIONS
        for one in _allowed(accounts, name)
        for action in _list(one["Action"])
    }
    assert services == {"dynamodb", "secretsmanager", "ses", "logs", "sqs", "lambda", "s3"}
    readers = [name for name in FUNCTIONS if _on(accounts, name, "secretsmanager")]
    assert readers == ["platform"], "only what answers requests knows the origin secret"


def test_mail_comes_from_one_sender(accounts: Deployment, deployments: dict[str, Deployment]) -> None:
    """Of the domain that was named, encrypted on its way, signed by keys in its zone, or put out for it."""
    domain = "example.com" if accounts is deployments["platform_abroad"] else "mail.example.com"
    (sends,) = _on(accounts, "platform", "ses")
    assert sends["Action"] == ["ses:SendEmail", "ses:SendRawEmail"]
    assert sends["Condition"] == {"StringEquals": {"ses:FromAddress": f"no-reply@{domain}"}}
    assert accounts.one("AWS::SES::EmailIdentity").properties["EmailIdentity"] == domain
    configuration = accounts.one("AWS::SES::ConfigurationSet").properties
    assert configuration["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert configuration["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE", "COMPLAINT"]
    records = [
        one
        for one in accounts.resources("AWS::Route53::RecordSet")
        if one.stack == "platform" and one.properties["Type"] == "CNAME"
    ]
    printed = [name for name in accounts.outputs() if name.startswith("MailRecord")]
    in_zone = accounts is deployments["platform_abroad"]
    assert (len(records), len(printed)) == ((3, 0) if in_zone else (0, 3))


def test_what_comes_back_is_told_to_who_keeps_it(accounts: Deployment) -> None:
    """Bounces and complaints, over a topic, to a function that reaches the list of such addresses and no account."""
    (destination,) = accounts.resources("AWS::SES::ConfigurationSetEventDestination")
    told = destination.properties["EventDestination"]
    assert told["MatchingEventTypes"] == ["bounce", "complaint"]
    (subscription,) = [
        one for one in accounts.resources("AWS::SNS::Subscription") if one.properties["Protocol"] == "lambda"
    ]
    assert subscription.properties["TopicArn"] == told["SnsDestination"]["TopicARN"]
    (own,) = _on(accounts, "platform_mail_events", "dynamodb")
    assert own["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["SUPPRESSION#*"]}}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_get_settings_that_they_accept(accounts: Deployment, name: str) -> None:
    """All that it needs, under the names that it reads."""
    variables = accounts.function(name).properties["Environment"]["Variables"]
    settings = read_function_settings(
        {key: value if isinstance(value, str) else key for key, value in variables.items()}
    )
    assert settings.platform.url == "https://db.example.com"
    assert settings.platform.table == "QUARTZDB_PLATFORM_TABLE"
    assert settings.platform.database_table == "QUARTZDB_TABLE"
    assert settings.platform.bucket == "QUARTZDB_BUCKET"
    assert (settings.origin_secret_arn is not None) == (name == "platform")


def test_it_runs_as_the_other_functions_do(accounts: Deployment, deployments: dict[str, Deployment]) -> None:
    """From a snapshot, with its own layer in the place of the engines', behind an alias; bounded in production."""
    function = accounts.function("platform").properties
    assert function["Runtime"] == "python3.13"
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert len(function["Layers"]) == 3
    in_production = accounts is deployments["platform_abroad"]
    assert ("ReservedConcurrentExecutions" in function) is in_production
    groups = [one for one in accounts.resources("AWS::Logs::LogGroup") if one.stack == "platform"]
    assert len(groups) == len(ALL)
    for group in groups:
        assert group.properties["RetentionInDays"] >= (30 if in_production else 1)
    urls = [one for one in accounts.resources("AWS::Lambda::Url") if one.stack == "platform"]
    assert [one.properties["Qualifier"] for one in urls] == ["live"]


def test_metering_reaches_counters_only(accounts: Deployment) -> None:
    """Whoever can have it invoked with lines of their own changes counters, and no account."""
    services = {
        action.partition(":")[0] for one in _allowed(accounts, "metering") for action in _list(one["Action"])
    }
    assert services == {"dynamodb", "logs", "sqs"}
    (own,) = _on(accounts, "metering", "dynamodb")
    assert own["Condition"] == {
        "ForAllValues:StringLike": {
            "dynamodb:LeadingKeys": ["USAGE#*", "USAGE-MALFORMED*", "BATCH#*", "UNLOOKED#*", "AUDIT-LINES*"]
        }
    }
    table = {"Fn::GetAtt": [accounts.one("AWS::DynamoDB::Table", stack="platform").id, "Arn"]}
    assert own["Resource"] == table
    variables = accounts.function("metering").properties["Environment"]["Variables"]
    settings = read_metering_settings(
        {key: value if isinstance(value, str) else key for key, value in variables.items()}
    )
    assert settings.table == "QUARTZDB_PLATFORM_TABLE"


def test_usage_lines_of_what_answers_are_counted(accounts: Deployment) -> None:
    """Of projects alone, as the function's program asks for; CloudWatch Logs may invoke it from there only."""
    filters = accounts.resources("AWS::Logs::SubscriptionFilter")
    assert len(filters) == 2
    assert {one.properties["FilterPattern"] for one in filters} == {FILTER_PATTERN}
    assert PATTERN == FILTER_PATTERN
    groups = {json.dumps(one.properties["LogGroupName"]) for one in filters}
    assert len(groups) == 2
    assert all(any(name in group for name in ("ApiLogs", "SearchLogs")) for group in groups)
    permissions = [
        one
        for one in accounts.resources("AWS::Lambda::Permission")
        if one.properties["Principal"] == "logs.amazonaws.com"
    ]
    assert len(permissions) == 2
    assert all("SourceArn" in one.properties for one in permissions)
    assert "DeadLetterConfig" in accounts.function("metering").properties


def test_one_function_has_stripes_key_and_nothing_else(deployments: dict[str, Deployment]) -> None:
    """Those of the platform may invoke it, and do not read the key; only what takes webhooks reads what signs them."""
    billed = deployments["billed"]
    services = {
        action.partition(":")[0] for one in _allowed(billed, "billing") for action in _list(one["Action"])
    }
    assert services == {"secretsmanager", "logs"}
    (reads,) = _on(billed, "billing", "secretsmanager")
    key = billed.function("billing").properties["Environment"]["Variables"]["QUARTZDB_STRIPE_SECRET_ARN"]
    assert _list(reads["Resource"]) == [key]
    assert len(billed.function("billing").properties["Layers"]) == 4
    for name in FUNCTIONS:
        invokes = _on(billed, name, "lambda")
        assert {one["Action"] for one in invokes} == {"lambda:InvokeFunction"}
        assert key not in json.dumps(_allowed(billed, name))
    hooks = "secret:hooks-AbCdEf"
    assert [name for name in FUNCTIONS if hooks in json.dumps(_on(billed, name, "secretsmanager"))] == [
        "platform"
    ]
    for name in FUNCTIONS:
        variables = billed.function(name).properties["Environment"]["Variables"]
        settings = read_function_settings(
            {key: value if isinstance(value, str) else key for key, value in variables.items()}
        )
        assert settings.platform.billing_function == "QUARTZDB_BILLING_FUNCTION"
    variables = billed.function("billing").properties["Environment"]["Variables"]
    assert read_billing_settings(variables).secret_arn == key
    named = {one.properties["AlarmName"] for one in billed.resources("AWS::CloudWatch::Alarm")}
    assert f"{billed.prefix}-billing-errors" in named


def _data_policies(deployment: Deployment) -> list[Mapping[str, Any]]:
    """What the role of the function of tenants' data may do."""
    role = deployment.function("tenant_data").properties["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for owner, statement in statements(deployment)
        if owner.stack == "service" and {"Ref": role} in owner.properties.get("Roles", [])
    ]


def test_tenants_data_is_asked_for_by_the_scheduled_pass_alone(accounts: Deployment) -> None:
    """No address, no log and no schedule leads to the function; one role may invoke its alias, and no other of it."""
    function = accounts.function("tenant_data")
    assert function.stack == "service"
    (invoke,) = _on(accounts, "platform_upkeep", "lambda")
    assert invoke["Action"] == "lambda:InvokeFunction"
    assert "TenantData" in json.dumps(invoke["Resource"])
    assert "*" not in json.dumps(invoke["Resource"])
    for name in ("platform", "metering", "platform_mail_events"):
        assert _on(accounts, name, "lambda") == []
    pointing = [
        one
        for one in accounts.resources("AWS::Lambda::Url", "AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping",
                                      "AWS::Scheduler::Schedule", "AWS::Logs::SubscriptionFilter")
        if "TenantData" in json.dumps(one.properties)
    ]  # fmt: skip
    assert pointing == []
    variables = accounts.function("platform_upkeep").properties["Environment"]["Variables"]
    assert variables["QUARTZDB_TENANT_DATA_FUNCTION"] == invoke["Resource"]
    assert (
        "QUARTZDB_TENANT_DATA_FUNCTION"
        not in (accounts.function("platform").properties["Environment"]["Variables"])
    )


def test_what_it_may_do_with_tenants_data(accounts: Deployment) -> None:
    """Read all of it, end keys, grants, names and logs, write archives; change no record, no value and no segment."""
    found = _data_policies(accounts)
    writes = [one for one in found if "dynamodb:PutItem" in _list(one["Action"])]
    families = {
        family
        for one in writes
        for family in one["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }
    allowed = {
        "LOG#*",
        "LOGS",
        "CURRENT#*",
        "NAMESPACES#*",
        "TENANTS",
        "CONDEMNED",
        "KEY#*",
        "KEYS#*",
        "GRANTS",
    }
    assert families == allowed
    assert "KV#*" not in families
    puts = [one for one in found if "s3:PutObject" in _list(one["Action"])]
    tails = {resource["Fn::Join"][1][-1] for one in puts for resource in _list(one["Resource"])}
    assert tails == {"/erasures/*", "/exports/*"}
    services = {action.partition(":")[0] for one in found for action in _list(one["Action"])}
    assert services - {"secretsmanager"} == {"dynamodb", "s3", "logs"}


def test_it_is_asked_about_projects_alone(accounts: Deployment, deployments: dict[str, Deployment]) -> None:
    """By its own settings, and in production by five at once."""
    properties = accounts.function("tenant_data").properties
    variables = properties["Environment"]["Variables"]
    settings = read_data_settings(
        {key: value if isinstance(value, str) else key for key, value in variables.items()}
        | ({"QUARTZDB_PEER_URL": "https://peer.example.com"} if "QUARTZDB_PEER_URL" in variables else {})
    )
    assert settings.tenant_prefix == "prj_"
    in_production = accounts is deployments["platform_abroad"]
    assert properties.get("ReservedConcurrentExecutions") == (5 if in_production else None)


def test_upkeep_is_woken_every_minute(accounts: Deployment) -> None:
    """And what could not be started is kept."""
    (schedule,) = [one for one in accounts.resources("AWS::Scheduler::Schedule") if one.stack == "platform"]
    assert schedule.properties["ScheduleExpression"] == "rate(1 minute)"
    assert "DeadLetterConfig" in schedule.properties["Target"]
    assert "DeadLetterConfig" in accounts.function("platform_upkeep").properties


class _NoClock(Clock):
    def unix_ms(self) -> int:
        return 0

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


def _documented() -> set[str]:
    settings = AwsPlatformSettings(
        "table", "database", "https://db.example.com", "sender", "set", region="us-east-1"
    )
    app = create_app(open_aws_platform(settings, settings.clients(), _NoClock()))
    return {
        *app.openapi()["paths"],
        "/platform/openapi.json",
        "/platform/sign-in",
        "/platform/assets/link.js",
    }


def test_every_path_of_the_platform_goes_to_it_and_no_other(accounts: Deployment) -> None:
    """As CloudFront decides: the first pattern that matches."""
    config = accounts.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    paths = _documented()
    assert len(paths) > 20
    for path in paths:
        matching = [one for one in config["CacheBehaviors"] if fnmatch.fnmatchcase(path, one["PathPattern"])]
        assert [one["PathPattern"] for one in matching][:1] == ["/platform/*"], path


def test_at_the_edge_it_is_as_the_database_is(accounts: Deployment) -> None:
    """Nothing is cached, everything is passed on, by TLS, with the origin secret; and no router sends it elsewhere."""
    config = accounts.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    (behavior,) = [one for one in config["CacheBehaviors"] if one["PathPattern"] == "/platform/*"]
    default = config["DefaultCacheBehavior"]
    for part in ("CachePolicyId", "OriginRequestPolicyId", "ViewerProtocolPolicy", "ResponseHeadersPolicyId"):
        assert behavior[part] == default[part]
    assert set(behavior["AllowedMethods"]) == set(default["AllowedMethods"])
    assert "LambdaFunctionAssociations" not in behavior
    (origin,) = [one for one in config["Origins"] if one["Id"] == behavior["TargetOriginId"]]
    assert "Platform" in json.dumps(origin["DomainName"])
    assert [one["HeaderName"] for one in origin["OriginCustomHeaders"]] == ["x-quartzdb-origin-secret"]


def test_what_goes_wrong_with_it_rings(accounts: Deployment) -> None:
    """Beside all alarms that there are without it; and it is on the dashboard."""
    named = {
        one.properties["AlarmName"].removeprefix(f"{accounts.prefix}-")
        for one in accounts.resources("AWS::CloudWatch::Alarm")
    }
    assert named >= ALARMS
    assert f"{accounts.prefix}-platform" in json.dumps(accounts.one("AWS::CloudWatch::Dashboard").properties)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"quartzdb:platform": "true"}, "platform needs a domain_name, or a platform_url"),
        (
            {"quartzdb:platform": "true", "quartzdb:platform_url": "https://db.example.com"},
            "platform needs a mail_domain",
        ),
        ({"quartzdb:mail_domain": "example.com"}, "belong to the platform"),
        ({"quartzdb:platform_settings": "platform.toml"}, "belong to the platform"),
        ({"quartzdb:stripe_secret_arn": _SECRET}, "are set together"),
        (
            {"quartzdb:stripe_secret_arn": _SECRET, "quartzdb:stripe_webhook_secret_arn": _SECRET},
            "belongs to the platform",
        ),
        ({"quartzdb:platform": "true", "quartzdb:stripe_secret_arn": "sk_live_x"}, "the ARN of a secret"),
        (
            {"quartzdb:platform": "true", "quartzdb:secret_scanning_keys_url": "http://example.com"},
            "secret_scanning_keys_url is .*begins with https",
        ),
        (
            {"quartzdb:platform": "true", "quartzdb:platform_url": "http://db.example.com/platform"},
            "platform_url is .*an address without a path",
        ),
        ({"quartzdb:platform": "true", "quartzdb:mail_domain": "me@example.com"}, "mail_domain is 'me@"),
    ],
)
def test_a_platform_that_cannot_work_is_not_deployed(context: dict[str, object], message: str) -> None:
    """What is missing is said before anything is made."""
    with pytest.raises(InvalidSetting, match=message):
        read_settings(context)


def test_the_platform_s_own_settings_reach_its_functions(deployments: Mapping[str, Deployment]) -> None:
    """With the right to read the secrets that they name, and without either where there are none."""
    with_them, without = deployments["platform_abroad"], deployments["platform"]
    text = PLATFORM_SETTINGS.read_text("utf-8")
    secret = tomllib.loads(text)["providers"][0]["client_secret_arn"]
    for name in ALL:
        told = name in FUNCTIONS
        variables = with_them.function(name).properties["Environment"]["Variables"]
        assert variables.get("QUARTZDB_PLATFORM_SETTINGS_TOML") == (text if told else None)
        read = [
            resource for one in _on(with_them, name, "secretsmanager") for resource in _list(one["Resource"])
        ]
        assert (secret in read) is (name == "platform"), "only where people sign in"
        assert (
            "QUARTZDB_PLATFORM_SETTINGS_TOML"
            not in without.function(name).properties["Environment"]["Variables"]
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sign_up = ", "is no TOML"),
        ("# " + "x" * 2_048, "more than 2,048 bytes"),
        ("[providers]\nname = 'okta'", "tables, each beginning"),
        ("[[providers]]\nclient_secret_file = '/etc/okta'", "has no client_secret_file"),
        ("[[providers]]\nclient_secret_arn = 'okta'", "is the ARN of a secret"),
    ],
)
def test_settings_that_no_function_could_use_are_refused(text: str, message: str, tmp_path: Path) -> None:
    """Before anything is made."""
    file = tmp_path / "platform.toml"
    file.write_text(text)
    with pytest.raises(InvalidSetting, match=message):
        read_document(str(file))
    with pytest.raises(InvalidSetting, match="cannot be read"):
        read_document(str(tmp_path / "none.toml"))
