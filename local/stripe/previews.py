"""What an invoice would say: of a subscription as it is, as it would be after a change, or of one that is not
there yet."""

from __future__ import annotations

from stripe.params import InvoiceCreatePreviewParams

from local.stripe import invoices, life, subscriptions
from local.stripe.errors import Refused, not_here
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World


def _preview(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    """Does it, and looks: what was done is undone by the route."""
    details = given.get("subscription_details", {})
    if "subscription" not in given:
        return show(world, _first(world, given, details))
    subscription = subscriptions.current(world, given["subscription"])
    if given.get("customer", subscription["customer"]) != subscription["customer"]:
        raise Refused("The subscription is another customer's.", param="subscription")
    now = world.now(world.store.get("customer", subscription["customer"]))
    if "cancel_now" in details:
        raise not_here("previewing a cancellation at once", "subscription_details[cancel_now]")
    said = {
        name: details[name]
        for name in ("proration_date", "cancel_at_period_end", "cancel_at", "trial_end")
        if name in details
    }
    at_once = details.get("proration_behavior") == "always_invoice"
    subscriptions.update(world, subscription, said)
    if "items" in details:
        behaviour = details.get("proration_behavior", "create_prorations")
        changes = {"items": details["items"], "proration_behavior": behaviour, **said}
        subscriptions.change_items(world, subscription, changes, now)
        if at_once:
            imagined = invoices.imagined(world, subscription, now, "subscription_update", [], (now, now))
            return show(world, imagined)
    if subscription["cancel_at_period_end"]:
        raise Refused(
            "No upcoming invoices for customer: the subscription ends with its period.",
            status=404,
            code="invoice_upcoming_none",
        )
    return show(world, life.upcoming(world, subscription, now))


def _first(world: World, given: Given, details: Given) -> Object:
    if "customer" not in given or "items" not in details:
        raise Refused(
            "You must pass either `subscription`, or `customer` with `subscription_details[items]`.",
            code="parameter_missing",
            param="subscription",
        )
    customer = world.store.get("customer", given["customer"], param="customer", status=400)
    said = {**details, "payment_behavior": "default_incomplete"}
    if "discounts" in given:
        said["discounts"] = given["discounts"]
    subscription = subscriptions.create(world, customer, said)
    if subscription["latest_invoice"] is None:
        return life.upcoming(world, subscription, world.now(customer))
    invoice = world.store.change("invoice", subscription["latest_invoice"])
    invoice.update(id=f"upcoming_{invoice['id']}", status="draft", number=None)
    return invoice


ROUTES = (
    Route(
        "POST",
        "/v1/invoices/create_preview",
        InvoiceCreatePreviewParams,
        "customer subscription discounts subscription_details.items subscription_details.proration_behavior "
        "subscription_details.proration_date subscription_details.cancel_at_period_end "
        "subscription_details.cancel_at subscription_details.trial_end",
        _preview,
        keep=False,
    ),
)
