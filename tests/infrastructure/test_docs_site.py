"""The documentation behind CloudFront: private files, addresses of pages, and headers of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cdk.constructs.docs_site import FUNCTION_BYTES_MAX, addresses_code
from docsite.plain import page_addresses
from docsite.publishing import NotPublishable, publish
from tests.aws_emulators import Emulators
from tests.infrastructure.synthesis import Deployment

PAGES = ["", "guide/", "reference/errors/"]


@pytest.fixture(scope="session")
def documented(deployments: dict[str, Deployment]) -> Deployment:
    return deployments["platform_abroad"]


def _asked(*paths: str) -> list[Any]:
    """What the function says of each, as CloudFront runs it."""
    if shutil.which("node") is None:
        pytest.skip("not installed: node")
    each = "asked.map((uri) => handler({request: {uri}}))"
    run = f"const asked = {json.dumps(paths)}; console.log(JSON.stringify({each}))"
    code = f"{addresses_code(version='1.2.3', pages=PAGES)}\n{run}"
    ended = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    answers: list[Any] = json.loads(ended.stdout)
    return answers


def test_pages_are_files_of_the_present_version() -> None:
    """Or of the one that is named."""
    paths = [
        "/docs/",
        "/docs/guide/",
        "/docs/guide.md",
        "/docs/assets/site.css",
        "/docs/v1.0.0/old/",
        "/docs/v1.0.0/x.md",
    ]
    assert [one["uri"] for one in _asked(*paths)] == [
        "/1.2.3/index.html",
        "/1.2.3/guide/index.html",
        "/1.2.3/guide.md",
        "/1.2.3/assets/site.css",
        "/1.0.0/old/index.html",
        "/1.0.0/x.md",
    ]


def test_an_address_without_its_slash_leads_to_the_page() -> None:
    """So that relative links hold; and where problem types lead there is the page of errors."""
    answers = _asked("/docs", "/docs/guide", "/docs/problems", "/docs/v1.0.0/old")
    assert [(one["statusCode"], one["headers"]["location"]["value"]) for one in answers] == [
        (301, "/docs/"),
        (301, "/docs/guide/"),
        (301, "/docs/reference/errors/"),
        (301, "/docs/v1.0.0/old/"),
    ]


def test_a_page_that_there_is_not_is_said_so() -> None:
    """As a page, with the status for it."""
    for answer in _asked("/docs/nothing", "/docs/guide/deeper/", "/docs//example.com/"):
        assert answer["statusCode"] == 404
        assert 'href="/docs/"' in answer["body"]


def test_the_function_has_room() -> None:
    """With all pages that there are; one that is too large is not deployed."""
    assert len(addresses_code(version="0.2.0", pages=page_addresses())) < FUNCTION_BYTES_MAX * 0.8
    with pytest.raises(ValueError, match="10240"):
        addresses_code(version="0.2.0", pages=["a page/" * 2_000])


def test_docs_are_files_where_that_is_set(documented: Deployment, dev: Deployment) -> None:
    """Cached, compressed, with headers of their own; elsewhere the application answers."""
    config = documented.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    behaviors = {one["PathPattern"]: one for one in config["CacheBehaviors"]}
    for pattern in ("/docs", "/docs/*"):
        behavior = behaviors[pattern]
        assert behavior["Compress"]
        assert behavior["AllowedMethods"] == ["GET", "HEAD"]
        assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
        assert [one["EventType"] for one in behavior["FunctionAssociations"]] == ["viewer-request"]
        assert "LambdaFunctionAssociations" not in behavior
        (origin,) = [one for one in config["Origins"] if one["Id"] == behavior["TargetOriginId"]]
        assert "OriginAccessControlId" in origin
        assert "OriginCustomHeaders" not in origin
    others = dev.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]["CacheBehaviors"]
    assert not [one for one in others if one["PathPattern"].startswith("/docs")]
    assert "CustomErrorResponses" not in config, "they would take the place of the API's answers"


def test_the_files_are_cloudfront_s_alone(documented: Deployment) -> None:
    """By a policy that names this distribution."""
    buckets = [
        one for one in documented.resources("AWS::S3::Bucket") if one.stack == "edge" and "Docs" in one.id
    ]
    assert len(buckets) == 2
    assert all(one.properties["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] for one in buckets)
    policies = [
        one for one in documented.resources("AWS::S3::BucketPolicy") if one.id.startswith("DocsBucket")
    ]
    allowed = [
        one for one in policies[0].properties["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"
    ]
    assert {json.dumps(one["Principal"]) for one in allowed} == {'{"Service": "cloudfront.amazonaws.com"}'}
    assert all("AWS:SourceArn" in json.dumps(one["Condition"]) for one in allowed)
    assert "DocsBucket" in documented.outputs()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "guide").mkdir()
    (tmp_path / "index.html").write_text("<h1>Home</h1>")
    (tmp_path / "guide/index.html").write_text("<h1>Guide</h1>")
    (tmp_path / "guide.md").write_text("# Guide")
    (tmp_path / "versions.json").write_text('[{"version": "1.2.3"}]')
    return tmp_path


def test_publishing_puts_every_file_with_its_type(aws: Emulators, site: Path) -> None:
    """Below its version; what was published before stays."""
    emulator = aws.get("moto")
    bucket = emulator.new_place().bucket
    emulator.s3.put_object(Bucket=bucket, Key="1.2.2/index.html", Body=b"old")
    assert publish(emulator.s3, bucket, site) == 4
    listed = emulator.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [one["Key"] for one in listed] == [
        "1.2.2/index.html",
        "1.2.3/guide.md",
        "1.2.3/guide/index.html",
        "1.2.3/index.html",
        "1.2.3/versions.json",
    ]
    markdown = emulator.s3.get_object(Bucket=bucket, Key="1.2.3/guide.md")
    assert markdown["ContentType"] == "text/markdown; charset=utf-8"
    assert markdown["CacheControl"] == "public, max-age=300"


def test_what_is_no_site_is_not_published(aws: Emulators, site: Path, tmp_path: Path) -> None:
    """Nothing of it."""
    emulator = aws.get("moto")
    bucket = emulator.new_place().bucket
    (site / "page.exe").write_text("")
    with pytest.raises(NotPublishable, match=r"\.exe"):
        publish(emulator.s3, bucket, site)
    (site / "versions.json").unlink()
    with pytest.raises(NotPublishable, match="make docs"):
        publish(emulator.s3, bucket, site)
    assert "Contents" not in emulator.s3.list_objects_v2(Bucket=bucket)
