"""All endpoints that are served."""

from __future__ import annotations

from local.stripe import (
    balance,
    checkout,
    coupons,
    customers,
    events,
    invoice_items,
    invoices,
    meters,
    payment_methods,
    payments,
    portal,
    previews,
    prices,
    products,
    subscription_items,
    subscription_routes,
    tax_ids,
    test_clocks,
    webhook_endpoints,
)
from local.stripe.errors import Refused
from local.stripe.routes import Route

ROUTES: tuple[Route, ...] = (
    *previews.ROUTES,
    *balance.ROUTES,
    *checkout.ROUTES,
    *coupons.ROUTES,
    *customers.ROUTES,
    *events.ROUTES,
    *invoice_items.ROUTES,
    *invoices.ROUTES,
    *meters.ROUTES,
    *payment_methods.ROUTES,
    *payments.ROUTES,
    *portal.ROUTES,
    *prices.ROUTES,
    *products.ROUTES,
    *subscription_items.ROUTES,
    *subscription_routes.ROUTES,
    *tax_ids.ROUTES,
    *test_clocks.ROUTES,
    *webhook_endpoints.ROUTES,
)
_PATTERNS = [(route, route.pattern) for route in ROUTES]


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint, and the ids in its address. Raises Refused where nothing is."""
    for route, pattern in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is not None and route.method == method:
            return route, match.groups()
    raise Refused(
        f"Unrecognized request URL ({method}: {path}). local/stripe serves a part of Stripe's API: see "
        "local/stripe/README.md.",
        status=404,
    )
