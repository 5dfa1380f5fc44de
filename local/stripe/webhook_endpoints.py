"""Where events are sent to, and by which secret they are signed."""

from __future__ import annotations

from urllib.parse import urlsplit

from stripe.params import (
    WebhookEndpointCreateParams,
    WebhookEndpointDeleteParams,
    WebhookEndpointListParams,
    WebhookEndpointRetrieveParams,
    WebhookEndpointUpdateParams,
)

from local.stripe import metadata
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_KIND = "webhook_endpoint"


def add(world: World, url: str, secret: str | None = None, enabled: tuple[str, ...] = ("*",)) -> Object:
    """Raises Refused for an address that is none."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Refused("Invalid URL: URL must be a valid http or https URL.", code="url_invalid", param="url")
    return world.store.add(
        _KIND,
        {
            "id": world.ids.new("we", 24),
            "object": _KIND,
            "api_version": None,
            "application": None,
            "created": world.wall(),
            "description": None,
            "enabled_events": list(enabled),
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": url,
            "_secret": secret or f"whsec_{world.ids.text(32)}",
        },
    )


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    endpoint = add(world, given["url"], enabled=tuple(given["enabled_events"]))
    endpoint["description"] = given.get("description") or None
    metadata.apply(endpoint, given)
    # Said once, as Stripe does.
    return show(world, endpoint) | {"secret": endpoint["_secret"]}


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    endpoint = world.store.change(_KIND, ids[0])
    for name in ("url", "enabled_events", "description"):
        if name in given:
            endpoint[name] = given[name]
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    metadata.apply(endpoint, given)
    return show(world, endpoint)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get(_KIND, ids[0]))


def _delete(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    world.store.remove(_KIND, ids[0])
    return {"id": ids[0], "object": _KIND, "deleted": True}


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return page(
        [show(world, each) for each in world.store.all(_KIND).values()], given, "/v1/webhook_endpoints"
    )


ROUTES = (
    Route(
        "POST",
        "/v1/webhook_endpoints",
        WebhookEndpointCreateParams,
        "url enabled_events description metadata",
        _create,
    ),
    Route("GET", "/v1/webhook_endpoints", WebhookEndpointListParams, CURSORS.replace(" created", ""), _list),
    Route("GET", "/v1/webhook_endpoints/{}", WebhookEndpointRetrieveParams, "", _retrieve),
    Route(
        "POST",
        "/v1/webhook_endpoints/{}",
        WebhookEndpointUpdateParams,
        "url enabled_events description metadata disabled",
        _update,
    ),
    Route("DELETE", "/v1/webhook_endpoints/{}", WebhookEndpointDeleteParams, "", _delete),
)
