"""What is kept of a customer of Stripe's: a copy of what it said last, and of what people were told of it.

All of it can be deleted: reading Stripe again makes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from quartzdb_platform.accounts import store
from quartzdb_platform.domain.billing import BillingState, Card, CustomerFacts, Debt, Subscription
from quartzdb_platform.ports import Change, Document, DocumentTable, Put

_SK = "billing"
_LISTED_PK = "BILLING-ACCOUNTS"
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Account:
    """`plan` is the one that follows from the facts. `told`: of each kind of mail, what the last one was about."""

    facts: CustomerFacts
    state: BillingState
    plan: str
    read_at_ms: int
    told: Mapping[str, str] = field(default_factory=dict)


def account_document(table: DocumentTable, organization_id: str) -> Document | None:
    """The document of an organization's account."""
    return table.get(store.organization_pk(organization_id), _SK)


def account_of(document: Document) -> Account:
    """Its value."""
    body = document.body
    return Account(
        _facts(body["facts"]),
        BillingState(body["state"]),
        body["plan"],
        body["read_at_ms"],
        dict(body["told"]),
    )


def put_account(organization_id: str, account: Account, revision: int | None) -> Put:
    """The document of an account."""
    return Put(store.organization_pk(organization_id), _SK, asdict(account), revision)


def put_customer(table: DocumentTable, organization_id: str, customer_id: str) -> Sequence[Change]:
    """Whose a customer is, found by the customer, and that the organization has one."""
    places = ((_customer_pk(customer_id), "customer"), (_LISTED_PK, organization_id))
    puts: list[Change] = []
    for (pk, sk), body in zip(
        places, ({"organization_id": organization_id}, {"customer_id": customer_id}), strict=True
    ):
        found = table.get(pk, sk)
        if found is None or found.body != body:
            puts.append(Put(pk, sk, body, None if found is None else found.revision))
    return puts


def organization_of_customer(table: DocumentTable, customer_id: str) -> str | None:
    """Whose it is, as far as it is known here."""
    found = table.get(_customer_pk(customer_id), "customer")
    return None if found is None else str(found.body["organization_id"])


def organizations_with_accounts(table: DocumentTable) -> Iterator[str]:
    """The oldest organization first."""
    after = None
    while found := table.query(_LISTED_PK, "", limit=_PAGE, after=after):
        yield from (document.sk for document in found)
        after = found[-1].sk


def places_of_account(organization_id: str, customer_id: str) -> Sequence[tuple[str, str]]:
    """Documents of an account outside of its organization's partition, as (partition, sort key)."""
    return ((_customer_pk(customer_id), "customer"), (_LISTED_PK, organization_id))


def _facts(body: Mapping[str, Any]) -> CustomerFacts:
    subscription, card = body["subscription"], body["card"]
    return CustomerFacts(
        **{
            **body,
            "subscription": None if subscription is None else Subscription(**subscription),
            "card": None if card is None else Card(**card),
            "debts": tuple(Debt(**debt) for debt in body["debts"]),
            "superfluous": tuple(body["superfluous"]),
            "tax_ids": tuple(body["tax_ids"]),
        }
    )


def _customer_pk(customer_id: str) -> str:
    return f"STRIPE-CUSTOMER#{customer_id}"
