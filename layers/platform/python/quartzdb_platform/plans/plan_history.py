"""Which plans an organization had in a month: noted in the transaction of each change, and kept for its bills."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb_platform.accounts import store
from quartzdb_platform.domain.plan import Plan, Plans
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.ports import DocumentTable, Put

_PREFIX = "plans#"


def noted_change(table: DocumentTable, organization: Organization, plan_name: str, month: str) -> Put:
    """What to add to the transaction that puts an organization, as it is before, on another plan."""
    pk = store.organization_pk(organization.id)
    found = table.get(pk, _PREFIX + month)
    before = found.body if found is not None else {"plans": [organization.plan], "first": organization.plan}
    # Each once: how often somebody went to and fro says nothing.
    names = list(dict.fromkeys([*before["plans"], plan_name]))
    body = {"plans": names, "first": before["first"], "last": plan_name}
    return Put(pk, _PREFIX + month, body, None if found is None else found.revision)


def billed_plan(table: DocumentTable, plans: Plans, organization: Organization, month: str) -> Plan:
    """The plan that a month is billed by: the dearest that the organization had in it, as that month's version has it.

    So whoever takes a smaller plan has it on the bill from the next month on, and what was used before is not given
    away. Raises InvalidArgument for a plan that there is no longer.
    """
    version = plans.at(month)
    found = [version.of(name) for name in _names(table, organization, month)]
    return max(found, key=lambda plan: plan.month_micro_dollars)


def _names(table: DocumentTable, organization: Organization, month: str) -> Sequence[str]:
    pk = store.organization_pk(organization.id)
    notes = {
        note.sk.removeprefix(_PREFIX): note.body for note in table.query(pk, _PREFIX, limit=store.LISTED_MAX)
    }
    if month in notes:
        names: Sequence[str] = notes[month]["plans"]
        return names
    before = [other for other in notes if other < month]
    if before:
        return [notes[max(before)]["last"]]
    return [notes[min(notes)]["first"]] if notes else [organization.plan]
