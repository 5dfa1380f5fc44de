"""The page of an invoice, on which it can be paid, and the same as plain text, which is a receipt once it is paid."""

from __future__ import annotations

from typing import Any

from local.stripe import payment_methods, payments
from local.stripe.amounts import dollars
from local.stripe.page_form import Form, Page
from local.stripe.periods import day
from local.stripe.store import Object
from local.stripe.world import World

_TEXT = ".txt"


def get(world: World, identity: str, form: Form) -> Page | None:
    """`in_….txt` is the plain text. None where there is no such invoice, or it is not finalized."""
    invoice = world.store.find("invoice", identity.removesuffix(_TEXT))
    if invoice is None or invoice["number"] is None:
        return None
    if identity.endswith(_TEXT):
        return Page(text=_text(world, invoice))
    return Page(
        "invoice.html",
        {
            "invoice": invoice,
            "day": day(invoice["created"]),
            "lines": [
                {
                    "description": line["description"],
                    "period": _period(line),
                    "quantity": f"{line['quantity']:,}",
                    "amount": dollars(line["amount"], line["currency"]),
                }
                for line in invoice["_lines"]
            ],
            "sums": _sums(invoice),
            "text_url": f"/i/{invoice['id']}{_TEXT}",
            "payable": invoice["status"] == "open",
            "due": dollars(invoice["amount_remaining"], invoice["currency"]),
            "filled": form,
        },
    )


def post(world: World, identity: str, form: Form) -> Page | None:
    """Pay it with another card, which is kept. Raises Refused."""
    if world.store.find("invoice", identity) is None:
        return None
    invoice = world.store.change("invoice", identity)
    customer = world.store.get("customer", invoice["customer"])
    card = form.needed_card()
    made = payment_methods.typed_in(
        world, card["number"], card["month"], card["year"], card["cvc"], {"email": customer["email"]}
    )
    method = payment_methods.attach(world, made["id"], customer)
    refusal = payments.pay(world, invoice, world.now(customer), method["id"])
    if refusal is not None:
        refusal.happened = True
        raise refusal
    return Page(location=f"/i/{identity}")


def _period(line: Object) -> str:
    return f"{day(line['period']['start'])} – {day(line['period']['end'])}"


def _sums(invoice: Object) -> list[tuple[str, str]]:
    currency = invoice["currency"]
    rows: list[tuple[str, Any]] = [("Subtotal", invoice["subtotal"])]
    rows += [("Discount", -each["amount"]) for each in invoice["total_discount_amounts"]]
    rows.append(("Total", invoice["total"]))
    used = invoice["amount_due"] - max(invoice["total"], 0)
    if used:
        rows.append(("Applied balance", used))
    rows += [("Amount due", invoice["amount_due"]), ("Paid", invoice["amount_paid"])]
    return [(name, dollars(amount, currency)) for name, amount in rows]


def _text(world: World, invoice: Object) -> str:
    paid = invoice["status_transitions"]["paid_at"]
    heading = f"Receipt for invoice {invoice['number']}" if paid else f"Invoice {invoice['number']}"
    rows = [
        heading,
        f"{invoice['account_name']}: made by local/stripe; it is not Stripe, and no money moved.",
        f"To: {invoice['customer_name'] or invoice['customer_email'] or invoice['customer']}",
        *(f"Tax id: {each['value']} ({each['type']})" for each in invoice["customer_tax_ids"]),
        f"Date: {day(invoice['created'])}",
        *([f"Paid: {day(paid)}"] if paid else []),
        "",
        *(
            f"{line['description']}, {_period(line)}: {dollars(line['amount'], line['currency'])}"
            for line in invoice["_lines"]
        ),
        "",
        *(f"{name}: {amount}" for name, amount in _sums(invoice)),
        "",
    ]
    return "\n".join(rows)
