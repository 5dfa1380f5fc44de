"""CloudFront sends each path to the right function, keeps nothing, and says who it is."""

from __future__ import annotations

import fnmatch
import itertools
import json
from functools import cache
from typing import Any

import pytest

from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES
from tests.infrastructure.synthesis import Deployment, statements

# AWS's own policies, by the ids that its documentation lists.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


def _config(deployment: Deployment) -> dict[str, Any]:
    config: dict[str, Any] = deployment.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    return config


def _behaviors(deployment: Deployment) -> list[dict[str, Any]]:
    config = _config(deployment)
    return [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]


def _origin_of(config: dict[str, Any], path: str) -> str:
    """Where a request goes, as CloudFront decides: the first pattern that matches."""
    matching = [
        one["TargetOriginId"]
        for one in config["CacheBehaviors"]
        if fnmatch.fnmatchcase(path, one["PathPattern"])
    ]
    target = (matching or [config["DefaultCacheBehavior"]["TargetOriginId"]])[0]
    (origin,) = [one for one in config["Origins"] if one["Id"] == target]
    return json.dumps(origin["DomainName"])


@pytest.mark.parametrize(
    "path", ["/v1/namespaces/books/query", "/v1/namespaces/books/query/batch", "/api/vector/search"]
)
def test_searches_go_to_the_search_function(dev: Deployment, path: str) -> None:
    """On both surfaces."""
    assert "SearchLiveFunctionUrl" in _origin_of(_config(dev), path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/docs",
        "/v1/namespaces/books",
        "/v1/namespaces/books/vectors",
        "/api/put",
        "/api/vector/insert",
    ],
)
def test_all_else_goes_to_the_api_function(dev: Deployment, path: str) -> None:
    """The search function could not write."""
    assert "ApiLiveFunctionUrl" in _origin_of(_config(dev), path)


SEARCHES = {"query_vectors", "query_vectors_batch", "cf_search_vectors"}
"""By the ids of the OpenAPI document: what the search function has the rights and the memory for."""
ODD_NAMES = {
    "{namespace}": ["books", "query", "kv", "vectors", "batch"],
    "{key}": [
        "a",
        "query",
        "query/batch",
        "a/query",
        "a/query/batch",
        "kv/query",
        "/query",
        "a%2Fquery",
        "vector/search",
    ],
    "{id}": ["a", "query", "batch", "a%2Fquery", "query%2Fbatch"],
    "{bucket}": ["0"],
}


@cache
def _documented() -> list[tuple[str, str]]:
    """Every path of the API with every combination of odd names in it, and its operation's id."""
    found = []
    for path, methods in describe(FAMILIES, title="", version="")["paths"].items():
        for operation in methods.values():
            names = [part for part in ODD_NAMES if part in path]
            for values in itertools.product(*(ODD_NAMES[name] for name in names)):
                filled = path
                for name, value in zip(names, values, strict=True):
                    filled = filled.replace(name, value)
                assert "{" not in filled, f"a parameter without names to try in {path}"
                found.append((operation["operationId"], filled))
    return found


def test_every_route_goes_to_the_function_that_serves_it(deployment: Deployment) -> None:
    """Each of the OpenAPI document, whatever the names in it: a key may be called `a/query`."""
    routes = _documented()
    assert {name for name, _ in routes} >= SEARCHES
    config = _config(deployment)
    wrong = {
        (name, path)
        for name, path in routes
        if ("SearchLiveFunctionUrl" in _origin_of(config, path)) is not (name in SEARCHES)
    }
    assert not wrong


def test_nothing_is_cached_and_everything_is_passed_on(deployment: Deployment) -> None:
    """Every method, and all that a client sends but Host, which a Function URL would not know."""
    for behavior in _behaviors(deployment):
        assert behavior["CachePolicyId"] == CACHING_DISABLED
        assert behavior["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
        assert set(behavior["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}


def test_keys_never_travel_in_the_clear(deployment: Deployment) -> None:
    """Plain HTTP is refused, not redirected; origins are asked by TLS 1.2; with a domain so are viewers."""
    assert {one["ViewerProtocolPolicy"] for one in _behaviors(deployment)} == {"https-only"}
    for origin in _config(deployment)["Origins"]:
        assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
        assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]


def test_a_domain_brings_its_certificate_and_its_records(abroad: Deployment) -> None:
    """TLS 1.2 is the least that its viewers get, and the zone points to the distribution."""
    config = _config(abroad)
    assert config["Aliases"] == ["db.example.com"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["ViewerCertificate"]["SslSupportMethod"] == "sni-only"
    records = {
        one.properties["Type"]: one.properties["Name"] for one in abroad.resources("AWS::Route53::RecordSet")
    }
    assert records == {"A": "db.example.com.", "AAAA": "db.example.com."}
    assert abroad.outputs()["ApiUrl"] == "https://db.example.com"


def test_origins_get_the_secret_and_no_template_has_it(deployment: Deployment) -> None:
    """CloudFormation puts it in, from the copy in the region of the edge."""
    for origin in _config(deployment)["Origins"]:
        (header,) = origin["OriginCustomHeaders"]
        assert header["HeaderName"] == "x-quartzdb-origin-secret"
        parts = header["HeaderValue"]["Fn::Join"][1]
        assert parts[0] == "{{resolve:secretsmanager:"
        assert any(part == ":us-east-1:" for part in parts)
        assert parts[-1] == ":SecretString:::}}"


def test_functions_give_up_before_cloudfront_does(deployment: Deployment) -> None:
    """So that it is the function that says what went wrong."""
    for name in ("api", "search"):
        timeout = deployment.function(name).properties["Timeout"]
        for origin in _config(deployment)["Origins"]:
            assert origin["CustomOriginConfig"]["OriginReadTimeout"] > timeout


def test_addresses_that_send_too_much_are_told_so(dev: Deployment) -> None:
    """As the API itself would: 429, Retry-After, a problem document."""
    acl = dev.one("AWS::WAFv2::WebACL").properties
    assert acl["Scope"] == "CLOUDFRONT"
    (rule,) = acl["Rules"]
    assert rule["Statement"]["RateBasedStatement"] == {
        "AggregateKeyType": "IP",
        "EvaluationWindowSec": 300,
        "Limit": 2_000,
    }
    for seen in (acl, rule):
        assert seen["VisibilityConfig"]["SampledRequestsEnabled"] is False, (
            "samples have the API keys of clients"
        )
    response = rule["Action"]["Block"]["CustomResponse"]
    assert response["ResponseCode"] == 429
    assert response["ResponseHeaders"] == [{"Name": "Retry-After", "Value": "60"}]
    body = json.loads(acl["CustomResponseBodies"][response["CustomResponseBodyKey"]]["Content"])
    assert body["status"] == 429
    assert _config(dev)["WebACLId"] == {"Fn::GetAtt": [dev.one("AWS::WAFv2::WebACL").id, "Arn"]}


def test_the_web_acl_can_be_left_out(abroad: Deployment) -> None:
    """It has a monthly fee."""
    assert abroad.resources("AWS::WAFv2::WebACL") == []
    assert "WebACLId" not in _config(abroad)


def test_browsers_are_told_to_be_careful_and_the_application_has_the_last_word(dev: Deployment) -> None:
    """What the page of /docs says of itself must not be overwritten."""
    policy = dev.one("AWS::CloudFront::ResponseHeadersPolicy").properties["ResponseHeadersPolicyConfig"]
    headers = policy["SecurityHeadersConfig"]
    assert headers["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 365 * 86_400
    assert headers["ContentTypeOptions"]["Override"] is True
    for name in ("ContentSecurityPolicy", "FrameOptions", "ReferrerPolicy"):
        assert headers[name]["Override"] is False
    for behavior in _behaviors(dev):
        assert "ResponseHeadersPolicyId" in behavior


def test_requests_are_logged_without_what_they_were_for(deployment: Deployment) -> None:
    """Neither path nor query nor a header that could hold a key: names of keys are users' data."""
    assert "Logging" not in _config(deployment), "the older kind of log has no choice of fields"
    source = deployment.one("AWS::Logs::DeliverySource")
    assert source.properties["LogType"] == "ACCESS_LOGS"
    assert deployment.one("AWS::CloudFront::Distribution").id in json.dumps(source.properties["ResourceArn"])
    fields = deployment.one("AWS::Logs::Delivery").properties["RecordFields"]
    assert {"date", "time", "c-ip", "cs-method", "sc-status", "x-edge-request-id"} <= set(fields)
    telling = ("uri", "query", "cookie", "referer", "authorization", "cs-headers", "range")
    assert not [field for field in fields if any(word in field.lower() for word in telling)]


def test_only_this_distributions_log_is_taken(dev: Deployment) -> None:
    """The log's service may put files of this account's source into their bucket, and nothing else."""
    source = dev.one("AWS::Logs::DeliverySource")
    (allowed,) = [
        statement
        for owner, statement in statements(dev)
        if statement.get("Principal") == {"Service": "delivery.logs.amazonaws.com"}
    ]
    assert allowed["Action"] == "s3:PutObject"
    assert allowed["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Fn::GetAtt": [source.id, "Arn"]}}


def test_the_edge_speaks_the_newest_http(deployment: Deployment) -> None:
    """HTTP/2 and 3, from the cheapest locations."""
    config = _config(deployment)
    assert config["HttpVersion"] == "http2and3"
    assert config["PriceClass"] == "PriceClass_100"


def test_the_edge_is_in_cloudfronts_region_wherever_the_rest_is(abroad: Deployment) -> None:
    """Certificates and alarms on CloudFront exist there only."""
    manifest = json.loads((abroad.folder / "manifest.json").read_text())
    regions = {
        name.rpartition("-")[2]: artifact["environment"].rpartition("/")[2]
        for name, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert regions == {
        "data": "eu-central-1",
        "service": "eu-central-1",
        "edge": "us-east-1",
        "observability": "eu-central-1",
    }


def test_an_operator_gets_what_the_runbook_asks_for(deployment: Deployment, dev: Deployment) -> None:
    """Every output by its name."""
    board = set() if deployment is dev else {"DashboardName"}
    assert set(deployment.outputs()) - board == {
        "ApiUrl",
        "ApiFunctionUrl",
        "SearchFunctionUrl",
        "TableName",
        "BucketName",
        "DistributionId",
        "OriginSecretArn",
        "DeadLetterQueueUrl",
        "MergeMachineArn",
    }
