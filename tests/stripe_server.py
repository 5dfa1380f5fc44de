"""A local/stripe of a test's own, in a thread, with the official SDK before it and a clock that stands still."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stripe
from stripe._v1_services import V1Services

from local.stripe.app import LocalStripe
from local.stripe.world import Settings
from tests.http_server import serving

SECRET_KEY = "sk_test_of_a_local_server"
WEBHOOK_SECRET = "whsec_of_a_local_server"


@dataclass(slots=True)
class StripeServer:
    """`seconds` is its time, for what is on no test clock; moving it back is the test's own fault."""

    app: LocalStripe
    url: str
    client: V1Services

    def control(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        """A request to `/_local…`, as in the server's README."""
        request = urllib.request.Request(
            f"{self.url}/_local{path}",
            data=json.dumps(said).encode() if method == "POST" else None,
            headers={"Authorization": f"Bearer {SECRET_KEY}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def advance(self, seconds: int) -> None:
        """Let time go on."""
        self.control("POST", "/time", advance_seconds=seconds)


@contextmanager
def stripe_server(
    *, now: int, seed: int = 1, settings: Settings | None = None, file: Path | None = None
) -> Iterator[StripeServer]:
    """Its time is `now` until it is told to go on. Webhooks go nowhere until `app.send_to` says where."""
    app = LocalStripe(secret_key=SECRET_KEY, seed=seed, clock=lambda: now, settings=settings, file=file)
    with serving(app) as url:
        app.at(url)
        yield StripeServer(app, url, client_of(url, SECRET_KEY))


def client_of(url: str, key: str) -> V1Services:
    """The official SDK, which tries nothing again by itself."""
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0).v1
