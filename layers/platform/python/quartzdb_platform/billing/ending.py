"""Has an organization that is being deleted pay nothing more: its subscription ends at once, the rest credited."""

from __future__ import annotations

from quartzdb_platform.billing.account import account_document, account_of, places_of_account
from quartzdb_platform.payments import Payments
from quartzdb_platform.ports import Delete, DocumentTable


def end_billing(table: DocumentTable, payments: Payments, organization_id: str) -> None:
    """Safe to repeat. What Stripe keeps of the customer, invoices above all, stays there. Raises Unavailable."""
    document = account_document(table, organization_id)
    if document is None:
        return
    customer_id = account_of(document).facts.customer_id
    facts = payments.facts(customer_id)
    for subscription_id in (
        *([facts.subscription.id] if facts and facts.subscription else []),
        *(facts.superfluous if facts else ()),
    ):
        payments.end(subscription_id)
    for place in places_of_account(organization_id, customer_id):
        found = table.get(*place)
        if found is not None:
            table.transact([Delete(found.pk, found.sk, found.revision)])
