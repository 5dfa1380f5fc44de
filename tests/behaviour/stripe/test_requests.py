"""What is asked of local/stripe is held to the SDK's own types, and refused as Stripe refuses it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import pytest
import stripe
from pydantic import ConfigDict, TypeAdapter, ValidationError
from stripe import RequestOptions
from stripe.params import CustomerCreateParams

from local.stripe import parameters
from local.stripe.errors import Refused
from local.stripe.forms import decode
from local.stripe.sdk_types import is_parameters
from tests.behaviour.stripe.conftest import Catalogue
from tests.stripe_server import StripeServer, client_of


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"emial": "a@example.com"}, "emial", "parameter_unknown"),
        ({"address": {"town": "Ulm"}}, "address[town]", "parameter_unknown"),
        ({"tax_exempt": "sometimes"}, "tax_exempt", None),
        ({"balance": "much"}, "balance", "parameter_invalid_integer"),
        ({"email": "nobody"}, "email", "email_invalid"),
        ({"next_invoice_sequence": 5}, "next_invoice_sequence", "local_stripe_does_not_do_this"),
        ({"test_clock": "clock_none"}, "test_clock", "resource_missing"),
    ],
)
def test_a_request_that_is_wrong_is_refused_by_name(
    server: StripeServer, said: dict[str, Any], param: str, code: str | None
) -> None:
    """With the parameter and a code, and nothing is made."""
    before = len(server.client.customers.list({"limit": 100}).data)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        server.client.customers.create(said)  # type: ignore[arg-type]  # that is the point
    assert (refused.value.param, refused.value.code, refused.value.http_status) == (param, code, 400)
    assert len(server.client.customers.list({"limit": 100}).data) == before


@pytest.mark.parametrize(
    ("form", "good"),
    [
        ("email=a%40example.com&balance=5", True),
        ("metadata[a]=b&invoice_settings[default_payment_method]=pm_1", True),
        ("preferred_locales[0]=de&preferred_locales[1]=en", True),
        ("address[city]=Ulm&address[nothing]=x", False),
        ("balance=1.5", False),
        ("nothing=x", False),
        ("invoice_settings[default]=pm_1", False),
    ],
)
def test_the_reader_of_requests_agrees_with_pydantic(
    form: str, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which reads the same types of the SDK, extra names forbidden."""
    strict = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    module = sys.modules[CustomerCreateParams.__module__]
    # Names of what they inherit, which is in another module.
    for name, value in (("Mapping", Mapping), ("StripeContext", stripe.StripeContext)):
        monkeypatch.setattr(module, name, value, raising=False)
    for each in list(vars(module).values()):
        if is_parameters(each):
            monkeypatch.setattr(each, "__pydantic_config__", strict, raising=False)
    raw = decode(form)
    try:
        TypeAdapter(CustomerCreateParams).validate_python(raw)
        agreed = True
    except ValidationError:
        agreed = False
    try:
        parameters.read(raw, CustomerCreateParams, CustomerCreateParams.__annotations__.keys())
        read = True
    except Refused:
        read = False
    assert agreed == read == good


def test_a_key_is_needed(server: StripeServer) -> None:
    """None, or another one, is a 401, which the SDK knows."""
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided: sk_test_"):
        client_of(server.url, "sk_test_of_somebody_else").customers.list()


def test_a_request_with_the_same_key_is_done_once(server: StripeServer) -> None:
    """And another request with that key is an error of its own kind."""
    said: RequestOptions = {"idempotency_key": "once"}
    first = server.client.customers.create({"name": "Ada"}, said)
    again = server.client.customers.create({"name": "Ada"}, said)
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        server.client.customers.create({"name": "Grace"}, said)


def test_a_refused_request_leaves_nothing(server: StripeServer, catalogue: Catalogue) -> None:
    """A customer with a bad tax id is not there, nor an event of it."""
    events = server.client.events.list({"limit": 100}).data
    with pytest.raises(stripe.InvalidRequestError) as refused:
        server.client.customers.create({"tax_id_data": [{"type": "eu_vat", "value": "nonsense"}]})
    assert refused.value.code == "tax_id_invalid"
    assert [each.id for each in server.client.events.list({"limit": 100}).data] == [
        each.id for each in events
    ]


def test_lists_go_page_by_page(server: StripeServer) -> None:
    """The newest first, without a gap or a repetition, forwards and backwards."""
    made = [server.client.customers.create({"email": "pages@example.com"}).id for _ in range(7)][::-1]
    first = server.client.customers.list({"email": "pages@example.com", "limit": 3})
    assert [each.id for each in first.data] == made[:3]
    assert first.has_more
    assert [each.id for each in first.auto_paging_iter()] == made
    back = server.client.customers.list({"email": "pages@example.com", "limit": 3, "ending_before": made[5]})
    assert [each.id for each in back.data] == made[2:5]
    with pytest.raises(stripe.InvalidRequestError, match="must be between 1 and 100"):
        server.client.customers.list({"limit": 101})


def test_what_is_expanded_is_there_whole(server: StripeServer, catalogue: Catalogue) -> None:
    """Down four levels, in lists too; what cannot be is refused."""
    price = server.client.prices.retrieve(catalogue.pro, {"expand": ["product"]})
    assert price.product.name == "Pro"  # type: ignore[union-attr]  # it is expanded
    listed = server.client.prices.list({"limit": 100, "expand": ["data.product"]}).data
    assert all(each.product.object == "product" for each in listed)  # type: ignore[union-attr]  # likewise
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        server.client.prices.retrieve(catalogue.pro, {"expand": ["nickname"]})


def test_a_lookup_key_moves_only_when_it_is_told_to(server: StripeServer, catalogue: Catalogue) -> None:
    """It leads to one price at any time."""
    client = server.client
    product = client.prices.retrieve(catalogue.pro).product
    said: Any = {"product": product, "currency": "usd", "unit_amount": 1, "lookup_key": "moving"}
    old = client.prices.create(said)
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        client.prices.create(said)
    new = client.prices.create(said | {"transfer_lookup_key": True})
    assert [each.id for each in client.prices.list({"lookup_keys": ["moving"]}).data] == [new.id]
    assert client.prices.retrieve(old.id).lookup_key is None


@pytest.mark.parametrize(
    ("path", "said", "param"),
    [
        ("subscriptions", {"billing_mode": {"type": "classic"}, "items": [{}]}, "billing_mode[type]"),
        ("subscriptions", {"items": [{}], "automatic_tax": {"enabled": True}}, "automatic_tax[enabled]"),
        ("checkout.sessions", {"mode": "payment"}, "mode"),
        (
            "checkout.sessions",
            {"mode": "subscription", "tax_id_collection": {"enabled": True, "required": "if_supported"}},
            "tax_id_collection[required]",
        ),
        (
            "billing_portal.configurations",
            {"features": {"subscription_pause": {"enabled": True}}},
            "features[subscription_pause][enabled]",
        ),
    ],
)
def test_what_only_stripe_does_is_refused_and_not_left_undone(
    server: StripeServer, path: str, said: dict[str, Any], param: str
) -> None:
    """With a code of its own, so that nobody takes it for Stripe's."""
    if path == "subscriptions":
        said = {**said, "customer": server.client.customers.create({}).id}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        attrgetter(path)(server.client).create(said)
    assert (refused.value.code, refused.value.param) == ("local_stripe_does_not_do_this", param)


def test_a_coupon_that_is_gone_is_gone(server: StripeServer) -> None:
    """For whoever looks for it."""
    coupon = server.client.coupons.create({"percent_off": 10, "duration": "once"})
    server.client.coupons.delete(coupon.id)
    with pytest.raises(stripe.InvalidRequestError) as gone:
        server.client.coupons.retrieve(coupon.id)
    assert gone.value.http_status == 404
    assert coupon.id not in [each.id for each in server.client.coupons.list().data]
