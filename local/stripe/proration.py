"""What a change in the middle of a period is worth, to the second: credit for what was paid and is not used,
the rest of the period at the new price, and the usage that a meter counted before it.

As in Stripe's flexible billing mode, which is what new subscriptions have: credit is a part of what was really charged.
"""

from __future__ import annotations

from local.stripe import invoice_items, lines
from local.stripe.store import Object
from local.stripe.subscription_items import is_metered
from local.stripe.world import World


def leave(world: World, subscription: Object, item: Object, moment: int, *, prorate: bool) -> None:
    """The item is as it was until this moment. Usage is billed in any case, paid time given back with `prorate`."""
    if is_metered(world, item):
        start = max(item["_metered_from"], subscription["_start"])
        if moment > start and not _is_tried(subscription, moment):
            line = lines.metered(world, subscription, item, start, moment)
            # What comes later for this time is too late, as the amount is fixed now.
            line["_metered"] = False
            if line["quantity"]:
                invoice_items.wait(world, subscription, line, moment)
        item["_metered_from"] = moment
        return
    if prorate and not _is_tried(subscription, moment):
        for debit in item["_debits"]:
            if debit["start"] <= moment < debit["end"]:
                line = lines.unused(world, subscription, item, debit, moment, item["quantity"])
                if line["amount"]:
                    invoice_items.wait(world, subscription, line, moment)
                debit["amount"] += line["amount"]
                debit["end"] = moment


def enter(world: World, subscription: Object, item: Object, moment: int, *, prorate: bool) -> None:
    """The item is as it is from this moment on."""
    if is_metered(world, item):
        item["_metered_from"] = moment
        return
    if prorate and not _is_tried(subscription, moment):
        whole = subscription["_end"] - subscription["_whole_start"]
        line = lines.remaining(world, subscription, item, moment, subscription["_end"], whole)
        if line["amount"]:
            invoice_items.wait(world, subscription, line, moment)
            item["_debits"].append(lines.debit(line))


def _is_tried(subscription: Object, moment: int) -> bool:
    return subscription["trial_end"] is not None and moment < subscription["trial_end"]
