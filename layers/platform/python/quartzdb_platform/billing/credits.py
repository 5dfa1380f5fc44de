"""Puts credits, as of referrals, on a customer's balance: each once.

A balance and no coupon: a credit is an amount of money, which may outlast one invoice, belongs to the organization and
not to a subscription, and is taken off after everything else; a coupon is used up by the first invoice that it is on.
"""

from __future__ import annotations

from quartzdb_platform.accounts import store
from quartzdb_platform.payments import Payments
from quartzdb_platform.ports import DocumentTable, Put

_MICRO_DOLLARS_OF_CENT = 10_000


def push_credits(table: DocumentTable, payments: Payments, organization_id: str, customer_id: str) -> int:
    """Those that are not there yet; how many. Raises Unavailable, and goes on where it was."""
    pk = store.organization_pk(organization_id)
    pushed = 0
    for document in table.query(pk, "credit#", limit=store.LISTED_MAX):
        credit = document.body
        done = table.get(pk, f"pushed-{document.sk}")
        if done is not None and done.body["customer_id"] == customer_id:
            continue
        # What is less than a cent is nobody's.
        cents = credit["micro_dollars"] // _MICRO_DOLLARS_OF_CENT
        payments.credit(customer_id, credit["id"], cents, f"Credit: {credit['why']}")
        body = {"customer_id": customer_id}
        table.transact([Put(pk, f"pushed-{document.sk}", body, None if done is None else done.revision)])
        pushed += 1
    return pushed
