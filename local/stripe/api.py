"""One request to the API: whose key, which endpoint, done once, and answered in Stripe's shape."""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass, field
from typing import Any

import stripe

from local.stripe import endpoints, forms, idempotency, life, parameters, shapes
from local.stripe.errors import Refused
from local.stripe.show import expanded
from local.stripe.world import World

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """To be sent as JSON."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def answer(world: World, secret_key: str, request: Request) -> Answer:
    """Whatever happens. A failure of this server's own is a 500 that changed nothing."""
    world.asked.request = world.ids.new("req")
    world.asked.idempotency_key = request.headers.get("idempotency-key")
    try:
        said = _answer(world, secret_key, request)
    except Refused as refused:
        said = Answer(refused.status, refused.body())
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        failure = Refused("local/stripe failed; its log says how.", status=500, kind="api_error")
        said = Answer(500, failure.body())
    finally:
        identity = world.asked.request
        world.asked.request = world.asked.idempotency_key = None
    named = {"Request-Id": identity, "Stripe-Version": stripe.api_version}
    return Answer(said.status, said.body, {**named, **said.headers})


def _answer(world: World, secret_key: str, request: Request) -> Answer:
    _authenticate(request.headers, secret_key)
    version = request.headers.get("stripe-version", stripe.api_version)
    if version != stripe.api_version:
        raise Refused(f"local/stripe speaks version {stripe.api_version} only, not {version}.")
    route, ids = endpoints.find(request.method, request.path)
    raw = forms.decode(request.query) | forms.decode(request.body.decode())
    with world.store.transaction():
        life.advance(world, world.wall())
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    wanted = idempotency.fingerprint(request.method, request.path, raw)
    if key is not None:
        first = idempotency.remembered(world.store, key, wanted, world.wall())
        if first is not None:
            return Answer(first["status"], first["body"], {"Idempotent-Replayed": "true"})
    given = parameters.read(raw, route.parameters, route.heeded)
    paths = given.pop("expand", [])
    refused = None
    body: dict[str, Any] = {}
    try:
        with world.store.transaction(keep=route.keep):
            try:
                body = expanded(world, route.handler(world, given, ids), paths)
                shapes.check(body)
            except Refused as tried:
                if not tried.happened:
                    raise
                refused = tried
    except Refused as nothing_done:
        refused = nothing_done
    status, body = (200, body) if refused is None else (refused.status, refused.body())
    if key is not None and route.keep:
        with world.store.transaction():
            idempotency.remember(world.store, key, wanted, world.wall(), status, body)
    return Answer(status, body)


def _authenticate(headers: dict[str, str], secret_key: str) -> None:
    kind, _, credentials = headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        # curl's `-u sk_test_…:`
        try:
            credentials = base64.b64decode(credentials).decode().partition(":")[0]
        except ValueError as error:
            raise Refused("The Authorization header is not valid base64.", status=401) from error
    if not credentials:
        raise Refused(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if credentials != secret_key:
        hidden = f"{credentials[:8]}{'*' * 8}{credentials[-4:]}" if len(credentials) > 16 else "*" * 8
        raise Refused(f"Invalid API Key provided: {hidden}", status=401)
