"""Makes anew what is kept of Stripe: of one customer, of those that time has brought something, or of all there are."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb_platform.accounts import store
from quartzdb_platform.billing.account import (
    Account,
    account_document,
    account_of,
    organization_of_customer,
    organizations_with_accounts,
)
from quartzdb_platform.billing.applying import Applying
from quartzdb_platform.billing.price_moves import PriceMoves
from quartzdb_platform.payments import Payments
from quartzdb_platform.ports import DocumentTable

logger = logging.getLogger(__name__)
_PAGE = 100


class Reconciled(NamedTuple):
    """Organizations that are as Stripe says, those of which something was changed, and those that failed."""

    organizations: int = 0
    changed: int = 0
    failed: int = 0


class Reconciliation:
    """One instance serves everybody."""

    def __init__(
        self, table: DocumentTable, payments: Payments, applying: Applying, moves: PriceMoves
    ) -> None:
        self._table = table
        self._payments = payments
        self._applying = applying
        self._moves = moves

    def read_customer(self, customer_id: str) -> None:
        """Have whoever that customer is be as Stripe says. One that is of nobody here is passed over: an account of
        Stripe's may have others. Raises Unavailable, Conflict.
        """
        organization_id = organization_of_customer(self._table, customer_id)
        if organization_id is None:
            facts = self._payments.facts(customer_id)
            organization_id = facts.organization_id if facts else None
        if organization_id is None:
            return
        try:
            organization = store.organization_of(self._table, organization_id)[0]
        except NotFound:
            logger.info("The customer %s is of an organization that is gone", customer_id)
            return
        if organization.stripe_customer not in {None, customer_id}:
            logger.error("%s has the customer %s beside its own", organization_id, customer_id)
            return
        self._applying.read_again(organization_id, customer_id)

    def run_due(self, _now_ms: int = 0) -> int:
        """A step of upkeep: those whose time has come, by what is kept of them, or who need another month's price; how
        many were read. What cannot be read now is as it was: nobody is suspended by what was true some time ago.
        """
        read = 0
        for organization_id in organizations_with_accounts(self._table):
            document = account_document(self._table, organization_id)
            if document is None or not self._is_due(account_of(document)):
                continue
            try:
                self._done(organization_id, account_of(document).facts.customer_id)
                read += 1
            except NotFound:
                continue
            except QuartzError as error:
                logger.warning("The bills of %s are looked at later: %s", organization_id, error)
        return read

    def _is_due(self, account: Account) -> bool:
        return self._applying.is_due(account) or self._moves.flat_is_due(account.facts.subscription)

    def _done(self, organization_id: str, customer_id: str) -> None:
        account = self._applying.read_again(organization_id, customer_id)
        if self._moves.move_flat(organization_id, account.facts.subscription):
            self._applying.read_again(organization_id, customer_id)

    def run_all(self, _now_ms: int = 0) -> Reconciled:
        """Everybody, by what Stripe has. Raises Unavailable where that cannot be listed."""
        done = Reconciled()
        for organization_id, customer_id in self._customers().items():
            before = account_document(self._table, organization_id)
            kept = None if before is None else account_of(before)
            try:
                account = self._applying.read_again(organization_id, customer_id)
            except NotFound:
                continue
            except QuartzError as error:
                logger.error("The bills of %s could not be read: %s", organization_id, error)
                done = done._replace(failed=done.failed + 1)
                continue
            is_another = kept is None or (kept.facts, kept.state, kept.plan) != (
                account.facts,
                account.state,
                account.plan,
            )
            done = done._replace(organizations=done.organizations + 1, changed=done.changed + is_another)
        return done

    def _customers(self) -> Mapping[str, str]:
        """By organization: of several customers the one that is known here, else the one with a subscription."""
        found: dict[str, list[str]] = {}
        after = None
        while page := self._payments.customers(after, _PAGE):
            for customer_id, organization_id in page:
                if organization_id is not None:
                    found.setdefault(organization_id, []).append(customer_id)
            after = page[-1][0]
        return {
            organization_id: self._chosen(organization_id, customers)
            for organization_id, customers in found.items()
        }

    def _chosen(self, organization_id: str, customers: list[str]) -> str:
        if len(customers) == 1:
            return customers[0]
        try:
            known = store.organization_of(self._table, organization_id)[0].stripe_customer
        except NotFound:
            return customers[0]
        if known in customers:
            return str(known)
        subscribed = [one for one in customers if self._is_subscribed(one)]
        return (subscribed or customers)[0]

    def _is_subscribed(self, customer_id: str) -> bool:
        facts = self._payments.facts(customer_id)
        return facts is not None and facts.subscription is not None
