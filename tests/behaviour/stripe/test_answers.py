"""An answer that Stripe would not give is found, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_origin

import pytest

from local.stripe import shapes
from local.stripe.endpoints import ROUTES
from local.stripe.routes import Route
from local.stripe.sdk_types import fields, is_parameters, options
from tests.behaviour.stripe.conftest import Catalogue, subscribe
from tests.stripe_server import StripeServer


def _remove(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: answer.pop(name)


def _put(**values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda answer: answer.update(values)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_remove("delinquent"), "customer.delinquent is missing"),
        (_put(created="yesterday"), "customer.created is 'yesterday'"),
        (_put(created=None), "customer.created is 'None'"),
        (_put(balance=1.5), "customer.balance is '1.5'"),
        (_put(tax_exempt="sometimes"), "customer.tax_exempt is 'sometimes'"),
        (_put(colour="red"), "customer.colour is not Stripe's"),
        (_put(preferred_locales=[1]), r"customer.preferred_locales\[0\] is '1'"),
        (_put(invoice_settings={"colour": "red"}), "customer.invoice_settings.colour is not Stripe's"),
        (_put(object="client"), "no resource is called client"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(
    server: StripeServer, spoil: Callable[[dict[str, Any]], Any], fault: str
) -> None:
    """By the place, before anybody gets it."""
    answer = server.client.customers.create({"email": "ada@example.com"}).to_dict()
    shapes.check(answer)
    spoil(answer)
    with pytest.raises(shapes.WrongShape, match=fault):
        shapes.check(answer)


def test_what_is_inside_is_looked_at_too(server: StripeServer, catalogue: Catalogue) -> None:
    """Lists in objects, objects in lists, and what is expanded."""
    ada = subscribe(server, catalogue.pro)
    found = server.client.subscriptions.retrieve(ada.subscription, {"expand": ["latest_invoice"]}).to_dict()
    found["items"]["data"][0]["price"]["unit_amount"] = "much"
    found["latest_invoice"]["lines"]["data"][0].pop("period")
    with pytest.raises(shapes.WrongShape) as wrong:
        shapes.check(found)
    assert "subscription.items[0].price.unit_amount is 'much'" in str(wrong.value)
    assert "subscription.latest_invoice.lines[0].period is missing" in str(wrong.value)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_an_endpoint_heeds_is_what_the_sdk_can_ask(route: Route) -> None:
    """A name that is written wrongly would be refused for good."""
    for path in route.heeded:
        types: list[Any] = [route.parameters]
        for step in path.split("."):
            known = [fields(each) for each in types if is_parameters(each)]
            found = [each[step] for each in known if step in each]
            assert found, path
            types = [inner for each in found for inner in _inside(each)]


def _inside(hint: Any) -> list[Any]:
    """A type's own members, and those of a list's elements."""
    members = options(hint)
    lists = [get_args(each)[0] for each in members if get_origin(each) is list]
    return [*members, *(inner for each in lists for inner in options(each))]
