"""The documentation at /docs: files in a bucket that CloudFront alone reads, a folder for each version.

A function at the edge turns addresses of pages into files.

What is in it is put there by `python -m docsite.publishing`: publishing a page needs no deployment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.constructs.access_logs import AccessLogs

_FUNCTION = Path(__file__).with_name("docs_addresses.js")
FUNCTION_BYTES_MAX = 10_240
"""What CloudFront takes."""


def addresses_code(*, version: str, pages: Sequence[str]) -> str:
    """The function's code. `pages`: their paths below /docs/, with a slash at their end but for the first, which is "".

    Raises ValueError where it is more than CloudFront takes.
    """
    code = _FUNCTION.read_text("utf-8")
    code = code.replace('"VERSION"', json.dumps(version))
    code = code.replace('["PAGES"]', json.dumps(sorted(pages), separators=(",", ":")))
    if len(code.encode()) > FUNCTION_BYTES_MAX:
        raise ValueError(
            f"The function of /docs has {len(code.encode())} bytes, of {FUNCTION_BYTES_MAX} at most."
        )
    return code


class DocsSite(Construct):
    """`behavior` of the paths below /docs, and the `bucket` to publish into."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        version: str,
        pages: Sequence[str],
        keep: bool,
        empty: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=True,
            server_access_logs_bucket=AccessLogs(self, "AccessLogs", keep=keep, empty=empty).bucket,
            server_access_logs_prefix="docs/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
            auto_delete_objects=empty,
        )
        addresses = cloudfront.Function(
            self,
            "Addresses",
            comment="QuartzDB: from pages of the documentation to files",
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            code=cloudfront.FunctionCode.from_inline(addresses_code(version=version, pages=pages)),
        )
        self.behavior = cloudfront.BehaviorOptions(
            # Who may not list is told 403 of what is not there. For pages the function answers.
            origin=origins.S3BucketOrigin.with_origin_access_control(
                self.bucket,
                origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            response_headers_policy=self._headers(),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            compress=True,
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=addresses, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                )
            ],
        )

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            comment="QuartzDB: pages of the documentation, which have the rest of their policy in them",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(730), include_subdomains=False, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy="frame-ancestors 'none'", override=True
                ),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
            ),
        )
