"""Statements: what a month comes to, of an organization; made once, some days after the month ended, and then kept.

The plan's price and what is beyond it, less what credits take off. Each credit is taken off once: the document that
says how far an organization's statements go changes in the transaction of each, so that no two are made side by side.
HAZARD: what is counted after a month's statement is in none.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, NotFound
from quartzdb_platform.accounts import store
from quartzdb_platform.domain.calendar import DAY_MS, month_end_ms, month_of, start_ms
from quartzdb_platform.domain.credit import Credit, Taken, taken_off
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering.bill import BillLine, Used, bill, total
from quartzdb_platform.metering.former_projects import used_by_all
from quartzdb_platform.metering.settlements import Settlements
from quartzdb_platform.plans.plan_history import billed_plan
from quartzdb_platform.ports import Change, Document, DocumentTable, Put
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)
GRACE_MS = 3 * DAY_MS
"""How long lines of a month may come late and still be in its statement."""
SETTLED_MS = 3_600_000
"""For so long it must have been seen that a month is over for good, before anything is made of it."""
_AT_ONCE = 200
"""Organizations of one pass."""
_PREFIX = "statement#"
_THROUGH = "statements"
_PK = "STATEMENTS"


@dataclass(frozen=True, slots=True)
class Statement:
    """Of a month. `version` is that of the prices, `plan_micro_dollars` the plan's own price, `taken` what is taken off
    of credits. `closed_at_ms`: when it was made; None while it may change.
    """

    month: str
    version: str
    plan: str
    plan_micro_dollars: int
    lines: tuple[BillLine, ...]
    taken: tuple[Taken, ...]
    closed_at_ms: int | None = None

    @property
    def credit_micro_dollars(self) -> int:
        """What is taken off, of all credits together."""
        return sum(one.micro_dollars for one in self.taken)

    @property
    def due_micro_dollars(self) -> int:
        """What is to be paid: never below zero."""
        return self.plan_micro_dollars + total(self.lines) - self.credit_micro_dollars


class Statements:
    """One instance serves everybody."""

    def __init__(self, table: DocumentTable, plans: Plans, clock: Clock) -> None:
        self._table = table
        self._plans = plans
        self._clock = clock
        self._settlements = Settlements(table, plans, clock)

    def billed_plan(self, organization: Organization) -> Plan:
        """The plan that the present month is billed by."""
        return billed_plan(self._table, self._plans, organization, month_of(self._clock.unix_ms()))

    def present(self, organization: Organization, used: Used | None = None) -> Statement:
        """What the present month's would say if it ended now; with `used`, if that were what was used of it."""
        month = month_of(self._clock.unix_ms())
        taken_before = self._taken_before(organization.id)
        for earlier in self._open_months(organization, month):
            draft = self._draft(organization, earlier, taken_before)
            taken_before.update({one.credit_id: one.micro_dollars for one in draft.taken})
        return self._draft(organization, month, taken_before, used)

    def closed(self, organization_id: str) -> Sequence[Statement]:
        """Those that are made, the newest first."""
        found = self._documents(organization_id)
        return [_statement(document) for document in reversed(found)]

    def close(self, organization_id: str, month: str) -> None:
        """Make the statements of all months up to that one; again changes nothing. Raises NotFound, InvalidArgument."""

        def decide() -> tuple[bool, Sequence[Change]]:
            organization = store.organization_of(self._table, organization_id)[0]
            open_months = list(self._open_months(organization, _after(month)))
            if not open_months:
                return False, ()
            first = open_months[0]
            found = self._table.get(store.organization_pk(organization_id), _THROUGH)
            draft = self._draft(organization, first, self._taken_before(organization_id))
            body = {**asdict(draft), "closed_at_ms": self._clock.unix_ms()}
            body["lines"] = [line._asdict() for line in draft.lines]
            body["taken"] = [one._asdict() for one in draft.taken]
            pk = store.organization_pk(organization_id)
            return True, [
                Put(pk, _PREFIX + first, body),
                Put(pk, _THROUGH, {"through": first}, None if found is None else found.revision),
            ]

        while change(self._table, decide):
            pass

    def run(self, now_ms: int) -> int:
        """A step of upkeep: the statements of the last month that is over for good, for so many organizations; how many
        were looked at. Raises Unavailable, and goes on where it was.
        """
        month = month_of(start_ms(month_of(now_ms - GRACE_MS)) - 1)
        found = self._table.get(_PK, "closing")
        at = found.body if found is not None and found.body["month"] == month else None
        if at is None or at["seen_at_ms"] > now_ms:
            # Of a clock that is wrong for a while: a statement that was made is made for good.
            seen = {"month": month, "after": None, "done": False, "seen_at_ms": now_ms}
            self._table.transact([Put(_PK, "closing", seen, None if found is None else found.revision)])
            return 0
        if at["done"] or now_ms - at["seen_at_ms"] < SETTLED_MS:
            return 0
        after = at["after"]
        organizations = store.organization_ids(self._table, limit=_AT_ONCE, after=after)
        for organization_id in organizations:
            try:
                self.close(organization_id, month)
            except NotFound:
                continue  # it was deleted meanwhile
            except InvalidArgument as error:
                logger.error("There is no statement of %s for %s: %s", organization_id, month, error)
        body = {
            "month": month,
            "after": organizations[-1] if organizations else after,
            "done": len(organizations) < _AT_ONCE,
            "seen_at_ms": at["seen_at_ms"],
        }
        assert found is not None
        # Where somebody else did the same, or is further, the next pass sees it.
        self._table.transact([Put(_PK, "closing", body, found.revision)])
        return len(organizations)

    def _draft(
        self,
        organization: Organization,
        month: str,
        taken_before: Mapping[str, int],
        used: Used | None = None,
    ) -> Statement:
        plan = billed_plan(self._table, self._plans, organization, month)
        prices = self._plans.prices_at(month)
        by_project = used_by_all(self._table, organization.id, month)
        if used is not None:
            # Nobody's project: only the sum of what is beyond decides.
            more = (all_of - now for all_of, now in zip(used, sum(by_project.values(), Used()), strict=True))
            by_project = {**by_project, "": Used(*(max(0, one) for one in more))}
        ledger = self._settlements.present(organization, month, by_project)
        if ledger is not None:
            # Its plans and prices are those of the invoice.
            lines = tuple(self._settlements.lines(organization, month, by_project) or ())
            plan_price = self._settlements.plan_price(ledger)
        else:
            if used is None:
                used = sum(by_project.values(), Used())
            lines, plan_price = tuple(bill(plan, prices, used, month)), plan.month_micro_dollars
        ends_ms = month_end_ms(month)
        given = [one for one in self._credits(organization.id) if one.created_at_ms < ends_ms]
        taken = taken_off(given, taken_before, plan_price + total(lines))
        return Statement(month, prices.version, plan.name, plan_price, lines, tuple(taken))

    def _open_months(self, organization: Organization, before: str) -> Iterator[str]:
        """Those without a statement, from the one in which it was made on."""
        found = self._table.get(store.organization_pk(organization.id), _THROUGH)
        month = month_of(organization.created_at_ms) if found is None else _after(found.body["through"])
        while month < before:
            yield month
            month = _after(month)

    def _taken_before(self, organization_id: str) -> Counter[str]:
        taken: Counter[str] = Counter()
        for document in self._documents(organization_id):
            for one in document.body["taken"]:
                taken[one["credit_id"]] += one["micro_dollars"]
        return taken

    def _documents(self, organization_id: str) -> Sequence[Document]:
        return self._table.query(store.organization_pk(organization_id), _PREFIX, limit=store.LISTED_MAX)

    def _credits(self, organization_id: str) -> Sequence[Credit]:
        found = self._table.query(store.organization_pk(organization_id), "credit#", limit=store.LISTED_MAX)
        return [Credit(**document.body) for document in found]


def _after(month: str) -> str:
    return month_of(month_end_ms(month))


def _statement(document: Document) -> Statement:
    body: dict[str, Any] = dict(document.body)
    body["lines"] = tuple(BillLine(**line) for line in body["lines"])
    body["taken"] = tuple(Taken(**one) for one in body["taken"])
    return Statement(**body)
