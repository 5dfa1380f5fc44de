"""Has a Stripe account sell what plans.toml says. Whatever is there already is found by its key, so it can be repeated.

A price is never changed: another version has prices with keys of their own. Where one that is to come is corrected
before anybody pays by it, another price takes its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from quartzdb_platform.adapters.stripe_calls import CURRENCY, PAGE
from quartzdb_platform.domain.catalogue import Catalogue, Meter, Price

if TYPE_CHECKING:
    from stripe import StripeClient

KEY = "quartzdb_key"
"""What a price was made for stands in it for good; its lookup key moves on."""
_PORTAL = {"quartzdb": "portal"}
_KEYS_AT_ONCE = 10


def publish(client: StripeClient, catalogue: Catalogue, return_url: str) -> Sequence[str]:
    """What was changed, in words."""
    done: list[str] = []
    for plan, title in catalogue.products.items():
        _product(client, plan, title, done)
    meters = _meters(client, catalogue.meters, done)
    present = prices_by_key(client, [price.lookup_key for price in catalogue.prices])
    for price in catalogue.prices:
        meter_id = None if price.meter is None else meters[f"quartzdb_{price.meter}"]
        _price(client, price, meter_id, present.get(price.lookup_key), done)
    _portal(client, return_url, done)
    return done


def prices_by_key(client: StripeClient, lookup_keys: Sequence[str]) -> Mapping[str, Any]:
    """The prices that are sold under these keys now."""
    found: dict[str, Any] = {}
    for begin in range(0, len(lookup_keys), _KEYS_AT_ONCE):
        keys = list(lookup_keys[begin : begin + _KEYS_AT_ONCE])
        listed = client.v1.prices.list({"lookup_keys": keys, "active": True, "limit": PAGE})
        found |= {str(price.lookup_key): price for price in listed.data}
    return found


def meter_ids(client: StripeClient) -> Mapping[str, str]:
    """The active meters by the names of their events."""
    listed = client.v1.billing.meters.list({"status": "active", "limit": PAGE})
    return {meter.event_name: meter.id for meter in listed.auto_paging_iter()}


def metadata(one: Any) -> Mapping[str, str]:
    """Of any object."""
    found: Mapping[str, str] = one.metadata.to_dict() if one.metadata else {}
    return found


def product_id(plan: str) -> str:
    """A product's id is ours to choose, so that it is found again."""
    return f"quartzdb_{plan}"


def _product(client: StripeClient, plan: str, title: str, done: list[str]) -> None:
    listed = client.v1.products.list({"ids": [product_id(plan)]}).data
    if not listed:
        client.v1.products.create({"id": product_id(plan), "name": title, "metadata": {"plan": plan}})
        done.append(f"product {title}")
    elif listed[0].name != title or not listed[0].active:
        client.v1.products.update(product_id(plan), {"name": title, "active": True})
        done.append(f"product {title}, which had another name or was not sold")


def _meters(client: StripeClient, wanted: Sequence[Meter], done: list[str]) -> Mapping[str, str]:
    present = dict(meter_ids(client))
    for meter in wanted:
        if meter.event_name in present:
            continue
        made = client.v1.billing.meters.create(
            {
                "display_name": meter.title,
                "event_name": meter.event_name,
                "default_aggregation": {"formula": "sum"},
                "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
                "value_settings": {"event_payload_key": "value"},
            }
        )
        present[meter.event_name] = made.id
        done.append(f"meter {meter.event_name}")
    return present


def _price(client: StripeClient, wanted: Price, meter_id: str | None, present: Any, done: list[str]) -> None:
    if present is not None and _is(present, wanted, meter_id):
        return
    recurring: dict[str, Any] = {"interval": "month"}
    if meter_id is not None:
        recurring |= {"usage_type": "metered", "meter": meter_id}
    client.v1.prices.create(
        {
            "product": product_id(wanted.plan),
            "currency": CURRENCY,
            "nickname": wanted.title,
            "unit_amount_decimal": wanted.cents,
            "recurring": recurring,  # type: ignore[typeddict-item]  # made in two steps
            "lookup_key": wanted.lookup_key,
            "transfer_lookup_key": True,
            "metadata": {KEY: wanted.lookup_key, "plan": wanted.plan},
        }
    )
    if present is None:
        done.append(f"price {wanted.lookup_key}: {wanted.cents:f} cents")
    else:
        client.v1.prices.update(present.id, {"active": False})
        done.append(f"price {wanted.lookup_key}: {wanted.cents:f} cents, in place of {present.id}")


def _is(present: Any, wanted: Price, meter_id: str | None) -> bool:
    amount = present.unit_amount_decimal
    return (
        amount is not None
        and Decimal(str(amount)) == wanted.cents
        and present.product == product_id(wanted.plan)
        and present.recurring.meter == meter_id
    )


def _portal(client: StripeClient, return_url: str, done: list[str]) -> None:
    """Cards, addresses, tax ids, invoices and cancelling at the month's end are Stripe's pages. Plans are changed here,
    where it is known what was used.
    """
    wanted: Any = {
        "default_return_url": return_url,
        "features": {
            "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "address", "tax_id"]},
            "invoice_history": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
            "subscription_update": {"enabled": False},
        },
        "metadata": _PORTAL,
    }
    present = portal_configuration(client)
    if present is None:
        client.v1.billing_portal.configurations.create(wanted)
        done.append("the customer portal")
    elif present.default_return_url != return_url:
        client.v1.billing_portal.configurations.update(present.id, wanted)
        done.append("the customer portal, which led back elsewhere")


def portal_configuration(client: StripeClient) -> Any | None:
    """The one that was made here."""
    listed = client.v1.billing_portal.configurations.list({"active": True, "limit": PAGE})
    ours = [one for one in listed.auto_paging_iter() if metadata(one) == _PORTAL]
    return ours[0] if ours else None
