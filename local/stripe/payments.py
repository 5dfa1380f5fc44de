"""Collecting an invoice: a payment intent, attempts, and the days between them."""

from __future__ import annotations

from typing import Any

from stripe.params import InvoicePayParams, PaymentIntentListParams, PaymentIntentRetrieveParams

from local.stripe import events, invoices, payment_methods, standing
from local.stripe.errors import Refused, card_declined
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import DAY, World


def collect(world: World, invoice: Object, now: int, method: str | None = None) -> Refused | None:
    """Try to have a finalized invoice paid. What the bank says is given back, and the failure noted."""
    if invoice["amount_due"] == 0:
        _settle(world, invoice, now)
        return None
    intent, payment = _intent(world, invoice, now)
    before = show(world, invoice)
    chosen = method or _method_of(world, invoice)
    refusal = (
        payment_methods.charge(world, world.store.get("payment_method", chosen), now)
        if chosen is not None
        else card_declined(
            "This customer has no attached payment source or default payment method.",
            "payment_method_customer_decline",
            None,
        )
    )
    invoice["attempted"] = True
    invoice["attempt_count"] += 1
    if refusal is None:
        intent.update(
            amount_received=intent["amount"],
            last_payment_error=None,
            payment_method=chosen,
            status="succeeded",
        )
        payment.update(amount_paid=payment["amount_requested"], status="paid")
        payment["status_transitions"]["paid_at"] = now
        events.emit(world, "payment_intent.succeeded", intent, at=now)
        events.emit(world, "invoice_payment.paid", payment, at=now)
        _settle(world, invoice, now, before)
        return None
    _fail(world, invoice, intent, refusal, chosen, now, before)
    return refusal


def ask(world: World, invoice: Object, now: int) -> None:
    """Have a payment intent there, and leave paying to somebody else."""
    _intent(world, invoice, now)


def _settle(world: World, invoice: Object, now: int, before: Object | None = None) -> None:
    before = before or show(world, invoice)
    invoice.update(
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
    )
    invoice["status_transitions"]["paid_at"] = now
    events.emit(world, "invoice.updated", invoice, before, at=now)
    events.emit(world, "invoice.paid", invoice, at=now)
    events.emit(world, "invoice.payment_succeeded", invoice, at=now)
    standing.paid(world, invoice, now)


def _fail(
    world: World,
    invoice: Object,
    intent: Object,
    refusal: Refused,
    method: str | None,
    now: int,
    before: Object,
) -> None:
    said = {name: value for name, value in refusal.body()["error"].items() if name != "param"}
    intent.update(last_payment_error=said, payment_method=None, status="requires_payment_method")
    if method is not None:
        intent["last_payment_error"]["payment_method"] = show(
            world, world.store.get("payment_method", method)
        )
    if invoice["auto_advance"]:
        days = world.settings.retry_days
        tried = invoice["attempt_count"]
        first = invoice["billing_reason"] == "subscription_create"
        # The first payment of a subscription is the customer's to try again.
        later = tried <= len(days) and not first
        invoice["next_payment_attempt"] = now + days[tried - 1] * DAY if later else None
    events.emit(world, "payment_intent.payment_failed", intent, at=now)
    events.emit(world, "invoice.updated", invoice, before, at=now)
    events.emit(world, "invoice.payment_failed", invoice, at=now)
    standing.failed(world, invoice, now)


def _method_of(world: World, invoice: Object) -> str | None:
    subscription = world.store.find("subscription", invoice["_subscription"])
    customer = world.store.get("customer", invoice["customer"])
    for chosen in (
        subscription["default_payment_method"] if subscription else None,
        customer["invoice_settings"]["default_payment_method"],
    ):
        method = world.store.find("payment_method", chosen) if chosen else None
        if method is not None and method["customer"] == customer["id"]:
            return str(method["id"])
    return None


def _intent(world: World, invoice: Object, now: int) -> tuple[Object, Object]:
    for payment in world.store.all("invoice_payment").values():
        if payment["invoice"] == invoice["id"]:
            intent = payment["payment"]["payment_intent"]
            return (
                world.store.change("payment_intent", intent),
                world.store.change("invoice_payment", payment["id"]),
            )
    intent = world.store.add("payment_intent", _blank(world, invoice, now))
    events.emit(world, "payment_intent.created", intent, at=now)
    payment = world.store.add(
        "invoice_payment",
        {
            "id": world.ids.new("inpay", 24),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        },
    )
    return intent, payment


def _blank(world: World, invoice: Object, now: int) -> dict[str, Any]:
    identity = world.ids.new("pi", 24)
    empty = (
        "application application_fee_amount canceled_at cancellation_reason excluded_payment_method_types "
        "last_payment_error latest_charge managed_payments next_action on_behalf_of payment_method "
        "payment_method_configuration_details payment_method_options processing receipt_email review shipping "
        "source statement_descriptor statement_descriptor_suffix transfer_data transfer_group "
        "automatic_payment_methods customer_account"
    )
    return dict.fromkeys(empty.split()) | {
        "id": identity,
        "object": "payment_intent",
        "amount": invoice["amount_due"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic",
        "client_secret": f"{identity}_secret_{world.ids.text(24)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": "Subscription update",
        "livemode": False,
        "metadata": {},
        "payment_method_types": ["card"],
        "setup_future_usage": "off_session",
        "status": "requires_payment_method",
    }


def _pay(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    invoice = world.store.change("invoice", ids[0])
    now = world.now(world.store.get("customer", invoice["customer"]))
    refusal = pay(world, invoice, now, given.get("payment_method"))
    if refusal is not None:
        refusal.happened = True
        raise refusal
    return show(world, invoice)


def pay(world: World, invoice: Object, now: int, method: str | None = None) -> Refused | None:
    """Because somebody asked for it now. A draft is finalized first."""
    if invoice["status"] == "draft":
        invoices.finalize(world, invoice, now)
    if invoice["status"] == "paid":
        raise Refused("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] != "open":
        raise Refused(
            f"This invoice is {invoice['status']} and can no longer be paid.", code="invoice_not_payable"
        )
    if method is not None:
        payment_methods.of_customer(world, invoice["customer"], method, "payment_method")
    return collect(world, invoice, now, method)


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("payment_intent", ids[0]))


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("payment_intent").values()
        if given.get("customer", each["customer"]) == each["customer"]
    ]
    return page(rows, given, "/v1/payment_intents")


ROUTES = (
    Route("POST", "/v1/invoices/{}/pay", InvoicePayParams, "payment_method off_session", _pay),
    Route("GET", "/v1/payment_intents", PaymentIntentListParams, f"{CURSORS} customer", _list),
    Route("GET", "/v1/payment_intents/{}", PaymentIntentRetrieveParams, "", _retrieve),
)
