"""Requests signed at the edge carry the signature that botocore would have made."""

from __future__ import annotations

import datetime

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from quartzdb.routing.decision.signing import Credentials, signed_headers

CASES = [
    ("s3", "GET", "https://bucket.s3.us-east-1.amazonaws.com/routing/state.json", b""),
    (
        "s3",
        "GET",
        "https://bucket.s3.us-east-1.amazonaws.com/a%20b/%C3%A9~_-.json?versionId=a%2Fb&x=&a=1",
        b"",
    ),
    ("s3", "GET", "http://127.0.0.1:4566/bucket/state.json", b""),
    ("sqs", "POST", "https://sqs.eu-central-1.amazonaws.com/", b'{"MessageBody": "x"}'),
    ("sqs", "POST", "http://localhost:4566/", b"x"),
    ("execute-api", "POST", "https://example.org/a%20b/c", b"x"),
]


@pytest.mark.parametrize(("service", "method", "url", "body"), CASES)
@pytest.mark.parametrize("token", [None, "session/token=="])
def test_the_signature_is_botocores(
    service: str, method: str, url: str, body: bytes, token: str | None
) -> None:
    """For an object and for a message, with a role's token and without."""
    headers = {"X-Amz-Target": "AmazonSQS.SendMessage"} if service == "sqs" else {}
    request = AWSRequest(method, url, headers=headers, data=body)
    signer = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    signer(BotocoreCredentials("AKIDEXAMPLE", "secret", token), service, "eu-central-1").add_auth(request)
    moment = datetime.datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    signed = signed_headers(
        method,
        url,
        headers,
        body,
        service=service,
        region="eu-central-1",
        credentials=Credentials("AKIDEXAMPLE", "secret", token),
        at=moment.timestamp(),
    )
    assert signed["authorization"] == request.headers["Authorization"]
    assert signed["x-amz-date"] == request.headers["X-Amz-Date"]


def test_credentials_do_not_show() -> None:
    """Neither in a log nor in a traceback."""
    assert "secret" not in repr(Credentials("AKIDEXAMPLE", "secret", "secret-token"))
