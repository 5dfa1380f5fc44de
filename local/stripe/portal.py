"""The customer portal: a page on which a customer changes its card, sees invoices, cancels, changes its plan.

Configurations and sessions here; what the page does is portal_page.py.
"""

from __future__ import annotations

from typing import Any

from stripe.params.billing_portal import (
    ConfigurationCreateParams,
    ConfigurationListParams,
    ConfigurationRetrieveParams,
    ConfigurationUpdateParams,
    SessionCreateParams,
)

from local.stripe import metadata
from local.stripe.errors import Refused, not_here
from local.stripe.listing import page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_KIND = "billing_portal.configuration"
_SAID = "business_profile default_return_url features metadata name"


def _features() -> dict[str, Any]:
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_pause": {"enabled": False},
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": [],
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def _create(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    first = not world.store.all(_KIND)
    stored = world.store.add(
        _KIND,
        {
            "id": world.ids.new("bpc", 24),
            "object": _KIND,
            "active": True,
            "application": None,
            "business_profile": dict.fromkeys(("headline", "privacy_policy_url", "terms_of_service_url")),
            "created": world.wall(),
            "default_return_url": None,
            "features": _features(),
            "is_default": first,
            "livemode": False,
            "login_page": {"enabled": False, "url": None},
            "metadata": {},
            "name": None,
            "updated": world.wall(),
        },
    )
    _set(world, stored, given)
    return show(world, stored)


def _set(world: World, stored: Object, given: Given) -> None:
    stored["business_profile"].update(given.get("business_profile", {}))
    for name in ("default_return_url", "name", "active"):
        if name in given:
            stored[name] = given[name] if given[name] != "" else None
    for feature, said in given.get("features", {}).items():
        _merge(stored["features"][feature], said)
    update, pause = (stored["features"][name] for name in ("subscription_update", "subscription_pause"))
    if pause["enabled"]:
        raise not_here("pausing", "features[subscription_pause][enabled]")
    if update["billing_cycle_anchor"] == "now":
        raise not_here("a new cycle with a change", "features[subscription_update][billing_cycle_anchor]")
    if update["schedule_at_period_end"]["conditions"]:
        raise not_here(
            "changes that wait for the end of the period",
            "features[subscription_update][schedule_at_period_end]",
        )
    for index, product in enumerate(update["products"]):
        param = f"features[subscription_update][products][{index}]"
        world.store.get("product", product["product"], param=f"{param}[product]", status=400)
        product.setdefault("adjustable_quantity", {"enabled": False, "maximum": None, "minimum": 1})
        for price in product["prices"]:
            found = world.store.get("price", price, param=f"{param}[prices]", status=400)
            if found["product"] != product["product"]:
                raise Refused(f"The price {price} is not of this product.", param=f"{param}[prices]")
    metadata.apply(stored, given)


def _merge(known: dict[str, Any], said: dict[str, Any]) -> None:
    for name, value in said.items():
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            _merge(known[name], value)
        else:
            known[name] = [] if value == "" and isinstance(known.get(name), list) else value


def _update(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    stored = world.store.change(_KIND, ids[0])
    _set(world, stored, given)
    stored["updated"] = world.wall()
    return show(world, stored)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get(_KIND, ids[0]))


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all(_KIND).values()
        if all(given.get(name, each[name]) == each[name] for name in ("active", "is_default"))
    ]
    return page(rows, given, "/v1/billing_portal/configurations")


def _open(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    if "customer" not in given:
        raise Refused("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = world.store.get("customer", given["customer"], param="customer", status=400)
    if "configuration" in given:
        configuration = world.store.get(_KIND, given["configuration"], param="configuration", status=400)
    else:
        defaults = [each for each in world.store.all(_KIND).values() if each["is_default"]]
        if not defaults:
            raise Refused(
                "No configuration provided and your test mode default configuration has not been created. Provide "
                "a configuration, or create your default by POST /v1/billing_portal/configurations."
            )
        configuration = defaults[0]
    identity = world.ids.new("bps", 24)
    secret = f"test_{world.ids.text(60)}"
    session = world.store.add(
        "billing_portal.session",
        {
            "id": identity,
            "object": "billing_portal.session",
            "configuration": configuration["id"],
            "created": world.wall(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": None,
            "livemode": False,
            "locale": given.get("locale"),
            "on_behalf_of": None,
            "return_url": given.get("return_url") or configuration["default_return_url"],
            "url": f"{world.url}/p/session/{secret}",
            "_secret": secret,
        },
    )
    return show(world, session)


_PATH = "/v1/billing_portal/configurations"
ROUTES = (
    Route("POST", _PATH, ConfigurationCreateParams, _SAID, _create),
    Route(
        "GET", _PATH, ConfigurationListParams, "limit starting_after ending_before active is_default", _list
    ),
    Route("GET", f"{_PATH}/{{}}", ConfigurationRetrieveParams, "", _retrieve),
    Route("POST", f"{_PATH}/{{}}", ConfigurationUpdateParams, f"{_SAID} active", _update),
    Route(
        "POST",
        "/v1/billing_portal/sessions",
        SessionCreateParams,
        "customer configuration return_url locale",
        _open,
    ),
)
