"""Every deployment of the contract, asked in the same way: over real HTTP, over ASGI, and through Lambda's events."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from quartzdb.adapters.ed25519 import public_key_text
from quartzdb.api.app import create_app
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.origin_secret import OriginSecret
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb.domain.grant import TenantGrant
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from tests.behaviour.http.client import Client
from tests.functions.conftest import url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext
from tests.manual_clock import ManualClock
from tests.worker_site import SIGNING_SECRET, give_grants, make_key, worker_site

ORIGIN_SECRET = "correct-horse-battery-staple"


class Asking(Protocol):
    """A client of one tenant of one deployment. `key=None` sends no key, and another text sends that."""

    key: str | None

    def request(self, method: str, path: str, **options: Any) -> httpx.Response: ...
    def get(self, path: str, **options: Any) -> httpx.Response: ...
    def post(self, path: str, json: object = None, **options: Any) -> httpx.Response: ...
    def delete(self, path: str, **options: Any) -> httpx.Response: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Deployment:
    """`client` makes one that sends a key; `make_key` makes one for a tenant with some scopes, all by default. `grant`
    says what a tenant is allowed.
    """

    name: str
    client: Callable[[str], Asking]
    make_key: Callable[..., str]
    grant: Callable[[TenantGrant], object]


class SyncClient:
    """Over a transport of httpx, or over the network where there is none."""

    def __init__(self, url: str, key: str | None, transport: httpx.BaseTransport | None = None) -> None:
        self.key = key
        self._client = httpx.Client(base_url=url, transport=transport, timeout=60, trust_env=False)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        key = options.pop("key", self.key)
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return self._client.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: object = None, **options: Any) -> httpx.Response:
        if "content" not in options:
            options["json"] = json
        return self.request("POST", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def close(self) -> None:
        self._client.close()


class LambdaTransport(httpx.BaseTransport):
    """Each request as the event of a Function URL, each answer as Lambda would send it on."""

    def __init__(self, handler: LambdaHandler) -> None:
        self._handler = handler

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        event = function_url(
            request.method,
            request.url.raw_path.decode(),
            headers=dict(request.headers),
            body=request.content or None,
            secret=ORIGIN_SECRET,
        )
        reply = url_reply(self._handler(event, FakeContext()))
        headers = [(name, value) for name, values in reply.headers.items() for value in values]
        return httpx.Response(reply.status, headers=headers, content=reply.body)


@contextmanager
def worker(folder: Path) -> Iterator[Deployment]:
    """The Worker under workerd, over HTTP."""
    with worker_site(folder / "site", SIGNER_PUBLIC_KEYS=public_key_text(SIGNING_SECRET)) as site:
        yield Deployment(
            "worker",
            lambda key: SyncClient(site.url, key),
            lambda *args: make_key(site, *args),
            lambda grant: give_grants(site.url, [grant]),
        )


@contextmanager
def embedded(folder: Path) -> Iterator[Deployment]:
    """The server's application over SQLite, over ASGI."""
    database = open_embedded(EmbeddedSettings(folder / "embedded"))
    app = create_app(database)
    yield Deployment("embedded", lambda key: Client(app, key), _keys_of(database), database.tenants.put)


@contextmanager
def function(folder: Path) -> Iterator[Deployment]:
    """The function behind its URL, with events as AWS sends them; its storage is SQLite."""
    database = open_embedded(EmbeddedSettings(folder / "function"))
    app = create_app(database)

    def client(key: str) -> Asking:
        # Made anew for each test: it sets filters of warnings, which last as long as a test.
        observed = telemetry(FunctionSettings("table", "bucket", service=f"quartzdb-{secrets.token_hex(4)}"))
        secret = OriginSecret(lambda: [ORIGIN_SECRET], ManualClock())
        handler = observed.handler(http_handler(app, secret, observed))
        return SyncClient("http://quartzdb.test", key, LambdaTransport(handler))

    yield Deployment("function", client, _keys_of(database), database.tenants.put)


def _keys_of(database: Database) -> Callable[..., str]:
    def make(tenant: str, *scopes: str) -> str:
        return database.api_keys.create(tenant, "test", scopes or ("read", "write", "admin"))[1]

    return make


DEPLOYMENTS = {"worker": worker, "embedded": embedded, "function": function}
