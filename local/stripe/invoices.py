"""Invoices: drafted, added up, finalized. Paying them is payments.py's."""

from __future__ import annotations

from stripe.params import (
    InvoiceFinalizeInvoiceParams,
    InvoiceLineItemListParams,
    InvoiceListParams,
    InvoicePaymentListParams,
    InvoiceRetrieveParams,
    InvoiceVoidInvoiceParams,
)

from local.stripe import balance, coupons, events, invoice_items, lines, tax_ids
from local.stripe.amounts import CHARGE_MIN, part, shared_out
from local.stripe.errors import Refused
from local.stripe.listing import CURSORS, page
from local.stripe.parameters import Given
from local.stripe.routes import Route
from local.stripe.show import show
from local.stripe.store import Object
from local.stripe.world import World

_PAGE = CURSORS.replace(" created", "")


def draft(
    world: World, subscription: Object, now: int, reason: str, rows: list[Object], period: tuple[int, int]
) -> Object:
    """Of these lines and of the changes that wait for an invoice. `reason` is Stripe's `billing_reason`."""
    customer = world.store.get("customer", subscription["customer"])
    invoice = world.store.add("invoice", _blank(world, subscription, customer, now, reason, [], period))
    invoice["_lines"] = [*invoice_items.take(world, subscription, invoice["id"]), *rows]
    for line in invoice["_lines"]:
        line["invoice"] = invoice["id"]
    for discount in subscription["discounts"]:
        if not coupons.is_over(world, world.store.get("discount", discount), now):
            invoice["discounts"].append(discount)
    add_up(world, invoice)
    for discount in invoice["discounts"]:
        world.store.change("discount", discount)["_used"] += 1
    _remember(world, invoice)
    events.emit(world, "invoice.created", invoice, at=now)
    return invoice


def imagined(
    world: World, subscription: Object, now: int, reason: str, rows: list[Object], period: tuple[int, int]
) -> Object:
    """What `draft` would make, with neither it nor anything else stored or changed."""
    customer = world.store.get("customer", subscription["customer"])
    rows = [*invoice_items.waiting(world, subscription), *rows]
    invoice = _blank(world, subscription, customer, now, reason, rows, period)
    invoice["id"] = f"upcoming_{invoice['id']}"
    invoice["discounts"] = [
        each
        for each in subscription["discounts"]
        if not coupons.is_over(world, world.store.get("discount", each), now)
    ]
    for line in rows:
        line["invoice"] = invoice["id"]
    add_up(world, invoice)
    return invoice


def _blank(
    world: World,
    subscription: Object,
    customer: Object,
    now: int,
    reason: str,
    rows: list[Object],
    period: tuple[int, int],
) -> Object:
    cyclic = reason == "subscription_cycle"
    finalizes_at = now + world.settings.draft_hours * 3600 if cyclic else None
    return {
        "id": world.ids.new("in", 24),
        "object": "invoice",
        "account_country": "US",
        "account_name": world.settings.account_name,
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "enabled": False,
            "disabled_reason": None,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": finalizes_at,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": tax_ids.of_customer(world, customer["id"]),
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": finalizes_at,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_start": period[0],
        "period_end": period[1],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": customer["test_clock"],
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
        "_lines": rows,
        "_subscription": subscription["id"],
    }


def add_up(world: World, invoice: Object) -> None:
    """All amounts, from the lines: of a draft, which may get more usage until it is finalized."""
    for line in invoice["_lines"]:
        lines.count_again(world, line)
        line["discount_amounts"] = []
    subtotal = sum(line["amount"] for line in invoice["_lines"])
    base = [line["amount"] if line["discountable"] else 0 for line in invoice["_lines"]]
    off_all = 0
    invoice["total_discount_amounts"] = []
    for name in invoice["discounts"]:
        off = coupons.off(world, world.store.get("discount", name), sum(base))
        shares = shared_out(off, base)
        for line, share in zip(invoice["_lines"], shares, strict=True):
            if line["discountable"]:
                line["discount_amounts"].append({"amount": share, "discount": name})
        base = [left - share for left, share in zip(base, shares, strict=True)]
        invoice["total_discount_amounts"].append({"amount": off, "discount": name})
        off_all += off
    total = subtotal - off_all
    invoice.update(subtotal=subtotal, subtotal_excluding_tax=subtotal, total=total, total_excluding_tax=total)
    customer = world.store.get("customer", invoice["customer"])
    invoice["starting_balance"] = customer["balance"]
    invoice["amount_due"] = max(total + customer["balance"], 0) if total > 0 else 0
    invoice["amount_remaining"] = invoice["amount_due"]


def _remember(world: World, invoice: Object) -> None:
    """What was charged for flat prices, for the changes that come later."""
    for line in invoice["_lines"]:
        item = world.store.find("subscription_item", line["_item"])
        if item is None or line.get("_metered") or line["amount"] <= 0:
            continue
        debits = world.store.change("subscription_item", item["id"])["_debits"]
        known = next((each for each in debits if each["line"] == line["id"]), None)
        fresh = lines.debit(line, invoice["id"])
        if known is None:
            debits.append(fresh)
        else:
            # A part of it may have been given back while it waited.
            known["amount"] = part(known["amount"], fresh["amount"], line["amount"])
            known["invoice"] = invoice["id"]


def finalize(world: World, invoice: Object, now: int) -> None:
    """Nothing changes any more but that it is paid. Takes the customer's balance off it, or adds what it owes."""
    add_up(world, invoice)
    before = show(world, invoice)
    customer = world.store.change("customer", invoice["customer"])
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    invoice["number"] = f"{customer['invoice_prefix']}-{sequence:04d}"
    moved = _moved(invoice["total"], customer["balance"])
    if moved:
        balance.add(
            world,
            customer,
            moved,
            invoice["currency"],
            kind="applied_to_invoice",
            invoice=invoice["id"],
            moment=now,
        )
    due = max(invoice["total"] + invoice["starting_balance"], 0) if invoice["total"] > 0 else 0
    if 0 < due < CHARGE_MIN:
        balance.add(
            world,
            customer,
            due,
            invoice["currency"],
            kind="invoice_too_small",
            invoice=invoice["id"],
            moment=now,
        )
        due = 0
    invoice.update(
        amount_due=due,
        amount_remaining=due,
        automatically_finalizes_at=None,
        effective_at=now,
        ending_balance=customer["balance"],
        next_payment_attempt=None,
        status="open",
    )
    invoice["status_transitions"]["finalized_at"] = now
    invoice["webhooks_delivered_at"] = now
    events.emit(world, "invoice.finalized", invoice, at=now)
    events.emit(world, "invoice.updated", invoice, before, at=now)


def _moved(total: int, credit: int) -> int:
    """What the balance changes by: credit is used up, debt is billed, a negative invoice becomes credit."""
    if total <= 0:
        return total
    return min(-credit, total) if credit < 0 else -credit


def of_subscription(world: World, subscription: str) -> list[Object]:
    """The oldest first."""
    return [each for each in world.store.all("invoice").values() if each["_subscription"] == subscription]


def _retrieve(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    return show(world, world.store.get("invoice", ids[0]))


def _list(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("invoice").values()
        if all(
            given.get(name, each[name]) == each[name] for name in ("customer", "status", "collection_method")
        )
        and given.get("subscription", each["_subscription"]) == each["_subscription"]
    ]
    return page(rows, given, "/v1/invoices")


def _list_lines(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    invoice = world.store.get("invoice", ids[0])
    rows = [{name: value for name, value in each.items() if name[0] != "_"} for each in invoice["_lines"]]
    # In the order of the invoice, which is not that of time: pages go from the first line on.
    return page(rows[::-1], given, f"/v1/invoices/{ids[0]}/lines")


def _list_payments(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    rows = [
        show(world, each)
        for each in world.store.all("invoice_payment").values()
        if all(given.get(name, each[name]) == each[name] for name in ("invoice", "status"))
    ]
    return page(rows, given, "/v1/invoice_payments")


def _finalize(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    invoice = world.store.change("invoice", ids[0])
    if invoice["status"] != "draft":
        raise Refused(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    finalize(world, invoice, world.now(world.store.get("customer", invoice["customer"])))
    return show(world, invoice)


def _void(world: World, given: Given, ids: tuple[str, ...]) -> Object:
    invoice = world.store.change("invoice", ids[0])
    if invoice["status"] not in {"open", "uncollectible"}:
        raise Refused(f"You can only pass in open invoices. This invoice is {invoice['status']}.")
    void(world, invoice, world.now(world.store.get("customer", invoice["customer"])))
    return show(world, invoice)


def void(world: World, invoice: Object, now: int) -> None:
    """Nobody has to pay it any more."""
    before = show(world, invoice)
    invoice.update(status="void", next_payment_attempt=None, auto_advance=False)
    invoice["status_transitions"]["voided_at"] = now
    events.emit(world, "invoice.voided", invoice, at=now)
    events.emit(world, "invoice.updated", invoice, before, at=now)


ROUTES = (
    Route(
        "GET",
        "/v1/invoices",
        InvoiceListParams,
        f"{CURSORS} customer status subscription collection_method",
        _list,
    ),
    Route("GET", "/v1/invoices/{}", InvoiceRetrieveParams, "", _retrieve),
    Route("GET", "/v1/invoices/{}/lines", InvoiceLineItemListParams, _PAGE, _list_lines),
    Route("POST", "/v1/invoices/{}/finalize", InvoiceFinalizeInvoiceParams, "", _finalize),
    Route("POST", "/v1/invoices/{}/void", InvoiceVoidInvoiceParams, "", _void),
    Route(
        "GET", "/v1/invoice_payments", InvoicePaymentListParams, f"{CURSORS} invoice status", _list_payments
    ),
)
