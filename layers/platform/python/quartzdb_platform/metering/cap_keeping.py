"""Caps and limits of plans, kept: what was used becomes blocks, and blocks become grants.

A block is lifted by the same look that would set it: when the month turns, the cap is raised, the plan is another, or
something was deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Forbidden, InvalidArgument, NotFound, QuartzError
from quartzdb.domain.grant import Block
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.domain.calendar import month_end_ms, month_of
from quartzdb_platform.domain.ids import is_id
from quartzdb_platform.domain.plan import Plans, PlanVersion
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering.caps import Standing, blocks_for
from quartzdb_platform.metering.former_projects import used_by_all
from quartzdb_platform.metering.late_lines import forget_gone
from quartzdb_platform.metering.month import held_now
from quartzdb_platform.metering.settlements import Settlements
from quartzdb_platform.metering.storage import every_organization
from quartzdb_platform.plans import unlooked
from quartzdb_platform.plans.blocks import Blocks
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, Document, DocumentTable
from quartzdb_platform.transaction import change

logger = logging.getLogger(__name__)

CAP_FEATURE = "caps"
CAP_MICRO_DOLLARS_MAX = 10**15


class CapKeeping:
    """One instance serves everybody."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        blocks: Blocks,
        publisher: GrantPublisher,
        plans: Plans,
        clock: Clock,
    ) -> None:
        self._table = table
        self._audit = audit
        self._blocks = blocks
        self._publisher = publisher
        self._plans = plans
        self._clock = clock
        self._settlements = Settlements(table, plans, clock)

    def set_cap(self, access: Access, cap_micro_dollars: int | None) -> Organization:
        """What a month may cost beyond the plan's price, None for no cap; it holds at once.

        Raises InvalidArgument, Forbidden where the plan has no caps.
        """
        if cap_micro_dollars is not None and not 0 <= cap_micro_dollars <= CAP_MICRO_DOLLARS_MAX:
            raise InvalidArgument(
                "A cap is an amount of dollars, not negative and not beyond a billion.", field="dollars"
            )

        def decide() -> tuple[Organization, Sequence[Change]]:
            organization, document = store.organization_of(self._table, access.organization_id)
            if (
                cap_micro_dollars is not None
                and CAP_FEATURE not in self._version().of(organization.plan).features
            ):
                raise Forbidden(
                    f"The plan {organization.plan} has no caps: it never costs more than its price.",
                    hint="Choose a plan with overage first.",
                )
            changed = replace(organization, cap_micro_dollars=cap_micro_dollars)
            # What was used by now is settled under the cap that stood.
            ledgers = self._settlements.cap_changed(organization)
            shown = "none" if cap_micro_dollars is None else str(cap_micro_dollars)
            event = self._audit.entry(
                organization.id, access.actor, "cap.update", f"{organization.id} {shown}"
            )
            noted = unlooked.note(self._table, organization.id)
            return changed, [store.put_organization(changed, document.revision), noted, *ledgers, *event]

        organization = change(self._table, decide)
        self.check(organization.id)
        return organization

    def check(self, organization_id: str) -> bool:
        """Have the blocks be as they should be now; whether anything changed. Raises NotFound, Unavailable."""
        organization = store.organization_of(self._table, organization_id)[0]
        wanted = blocks_for(self.standing(organization))
        present = self._blocks.of(organization_id)
        changed = False
        for where in {*wanted, *present}:
            kept = _as_it_stands(present.get(where), wanted.get(where))
            if kept != present.get(where):
                changed |= self._blocks.set(organization_id, where, kept)
        if changed:
            self._publisher.publish_soon(organization_id)
        return changed

    def check_projects(self, project_ids: Set[str]) -> None:
        """The same for the organizations of projects of which something was counted just now; of a project that is gone
        it is forgotten.
        """
        found = (self._table.get(*unlooked.place_of(project_id)) for project_id in sorted(project_ids))
        self._look([note for note in found if note is not None])

    def run(self, _now_ms: int) -> int:
        """A step of upkeep: organizations that are noted, because something of them was counted, sampled or changed, or
        a block's time is over. How many were changed.
        """
        return self._look(list(unlooked.notes(self._table, self._clock.unix_ms())))

    def run_all(self, _now_ms: int) -> int:
        """Every organization, as after a change of the plans."""
        return sum(
            self._looked_at(organization_id) or 0 for organization_id in every_organization(self._table)
        )

    def standing(self, organization: Organization) -> Standing:
        """How an organization stands now."""
        pk = store.organization_pk(organization.id)
        listed = self._table.query(pk, "project#", limit=store.LISTED_MAX)
        projects = [store.project_of(document).id for document in listed]
        month = month_of(self._clock.unix_ms())
        used = used_by_all(self._table, organization.id, month)
        ledger = self._settlements.present(organization, month, used)
        return Standing(
            self._plans.of(organization.plan, month),
            self._plans.prices_at(month),
            month,
            month_end_ms(month),
            used,
            held_now(self._table, projects),
            organization.cap_micro_dollars,
            self._publisher.raise_at(organization.id),
            None if ledger is None else self._settlements.spending(ledger),
        )

    def _version(self) -> PlanVersion:
        return self._plans.at(month_of(self._clock.unix_ms()))

    def _look(self, notes: Sequence[Document]) -> int:
        """What was noted is taken back once it was looked at; what could not be stays noted."""
        changed = 0
        for organization_id, of_it in self._by_organization(notes).items():
            looked = False if organization_id is None else self._looked_at(organization_id)
            if looked is None:
                continue
            changed += looked
            for note in of_it:
                unlooked.take_back(self._table, note)
        return changed

    def _by_organization(self, notes: Sequence[Document]) -> Mapping[str | None, Sequence[Document]]:
        """None: of projects that are gone."""
        found: dict[str | None, list[Document]] = {}
        projects = {unlooked.subject_of(note) for note in notes if is_id(unlooked.subject_of(note), "prj")}
        there = forget_gone(self._table, projects)
        for note in notes:
            subject: str | None = unlooked.subject_of(note)
            if subject in projects:
                project = self._table.get(f"PROJECT#{subject}", "project") if subject in there else None
                subject = None if project is None else store.project_of(project).organization_id
            found.setdefault(subject, []).append(note)
        return found

    def _looked_at(self, organization_id: str) -> bool | None:
        """Whether something changed; None where it could not be looked at."""
        try:
            return self.check(organization_id)
        except NotFound:
            return False  # it was deleted meanwhile
        except QuartzError as error:
            logger.warning("The caps of %s could not be looked at: %s", organization_id, error)
            return None


def _as_it_stands(present: Block | None, wanted: Block | None) -> Block | None:
    """A block that stands for the same reason stays as it is: what was used beyond it is no news to publish."""
    if present is not None and wanted is not None and replace(present, used=wanted.used) == wanted:
        return present
    return wanted
