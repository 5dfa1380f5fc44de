"""Sites that take what the other one signs, of every kind: the embedded server, the function on AWS, the Worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from quartzdb.adapters.ed25519 import public_key_text, signing
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.aws_lambda.http_function import http_function
from quartzdb.aws_lambda.settings import read_settings
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.cli.serve.worker import application
from quartzdb.replication.statements import Sealing
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import REGION, Emulators
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext
from tests.http_server import serving
from tests.worker_site import SECRET, worker_site

SIGNING, NEXT, STOLEN = "s" * 40, "n" * 40, "t" * 40
GOOD = f"{public_key_text(SIGNING)}, {public_key_text(NEXT)}"
"""Two are good, while one is rotated."""
SHARED = "default, acme"
"""Tenants that are."""
EDGE = "the-secret-of-the-edge"
KEYS, GRANTS = "/v1/replication/api-keys", "/v1/replication/grants"

Ask = Callable[[str, str, str, Mapping[str, Any] | None], tuple[int, dict[str, Any]]]
"""Method, path, bearer, body: what is answered."""


@dataclass(frozen=True)
class Receiver:
    """A site called "there" that takes what is signed, of some tenants, and how it is asked."""

    ask: Ask
    path: str = KEYS

    def put(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """With the secret of the two sites."""
        return self.ask("PUT", self.path, SECRET, body)

    def refused(self, body: Mapping[str, Any], field: str) -> None:
        status, problem = self.put(body)
        assert (status, problem["code"], problem["field"]) == (403, "forbidden", field), problem


def _over_http(url: str) -> Receiver:
    def ask(
        method: str, path: str, bearer: str, body: Mapping[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = httpx.request(method, url + path, headers=headers, json=body, trust_env=False)
        return answer.status_code, answer.json()

    return Receiver(ask)


def embedded(directory: Path, _: Emulators, closing: ExitStack, good: str = GOOD) -> Receiver:
    """The server's own application on a data directory, with its options."""
    secret = directory / "secret"
    secret.write_text(SECRET)
    peer = PeerOptions(
        "there",
        "here",
        replication_secret_file=str(secret),
        peer_public_keys=good,
        shared_tenants=SHARED,
    )
    database = application(directory / "data", peer)[1]
    return _over_http(closing.enter_context(serving(create_app(database))))


def function(_: Path, aws: Emulators, closing: ExitStack, good: str = GOOD) -> Receiver:
    """The function that answers on AWS, with its variables."""
    emulator = aws.get("ministack")
    place, url = emulator.new_place(), emulator.endpoint_url
    secrets: Any = AwsClients(REGION, AwsEndpoints.at(url)).secrets
    closing.callback(secrets.close)
    arn = secrets.create_secret(Name=f"{place.table}-peer", SecretString=SECRET)["ARN"]
    origin = secrets.create_secret(Name=f"{place.table}-origin", SecretString=EDGE)["ARN"]
    handler = http_function(
        read_settings(
            {
                "QUARTZDB_TABLE": place.table,
                "QUARTZDB_BUCKET": place.bucket,
                "POWERTOOLS_SERVICE_NAME": f"api-{place.table}",
                "AWS_REGION": REGION,
                "AWS_ENDPOINT_URL": url,
                "QUARTZDB_SITE": "there",
                "QUARTZDB_PEER_SITE": "here",
                "QUARTZDB_API_KEYS_GO": "here",
                "QUARTZDB_REPLICATION_SECRET_ARN": arn,
                "QUARTZDB_ORIGIN_SECRET_ARN": origin,
                "QUARTZDB_PEER_PUBLIC_KEYS": good,
                "QUARTZDB_SHARED_TENANTS": SHARED,
            }
        )
    )

    def ask(
        method: str, path: str, bearer: str, body: Mapping[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        answer = handler(
            function_url(method, path, headers=headers, body=content, secret=EDGE), FakeContext()
        )
        return answer["statusCode"], json.loads(answer["body"])

    return Receiver(ask)


def worker(directory: Path, _: Emulators, closing: ExitStack, good: str = GOOD) -> Receiver:
    """The Worker on workerd, with its variables."""
    site = worker_site(directory / "site", SITE="there", SIGNER_PUBLIC_KEYS=good, SHARED_TENANTS=SHARED)
    return _over_http(closing.enter_context(site).url)


RECEIVERS = [embedded, function, worker]


class _Clock(SystemClock):
    """Some time off."""

    def __init__(self, off_ms: int) -> None:
        self._off_ms = off_ms

    def unix_ms(self) -> int:
        return super().unix_ms() + self._off_ms


def sealed(
    *documents: object, secret: str = SIGNING, to: str = "there", kind: str = "api-keys", off_ms: int = 0
) -> dict[str, Any]:
    """A statement of the site "here"."""
    return Sealing("here", to, signing(lambda: secret), _Clock(off_ms)).body(kind, documents)
