"""The composition root: adapters → use cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from quartzdb.domain.clock import Clock
from quartzdb_platform.accounts.archive import Archive
from quartzdb_platform.accounts.browser_keys import BrowserKeys
from quartzdb_platform.accounts.closings import Closings
from quartzdb_platform.accounts.deletions import Deletions, certificate_of
from quartzdb_platform.accounts.directory import Page, all_of, page_of
from quartzdb_platform.accounts.exports import Exports
from quartzdb_platform.accounts.gone_projects import forget_late
from quartzdb_platform.accounts.leaving import Leaving
from quartzdb_platform.accounts.members import Members
from quartzdb_platform.accounts.notices import Notices
from quartzdb_platform.accounts.onboarding import Onboarding
from quartzdb_platform.accounts.organizations import Organizations
from quartzdb_platform.accounts.project_deletions import ProjectDeletions
from quartzdb_platform.accounts.project_ends import ProjectEnds
from quartzdb_platform.accounts.projects import Projects
from quartzdb_platform.accounts.referrals import Referrals
from quartzdb_platform.accounts.residences import Residences
from quartzdb_platform.accounts.secret_scanning import SecretScanning
from quartzdb_platform.accounts.standing import Standings
from quartzdb_platform.accounts.tokens import Tokens
from quartzdb_platform.accounts.waitlist import Waitlist
from quartzdb_platform.audit.data_plane import DataPlaneAudit
from quartzdb_platform.audit.delivered import DeliveredAudit
from quartzdb_platform.audit.failovers import FailoverAudit
from quartzdb_platform.audit.log import AuditLog
from quartzdb_platform.billing.desk import BillingDesk, open_desk
from quartzdb_platform.domain.closing import Remain
from quartzdb_platform.domain.passkey import RelyingParty
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.domain.regions import NO_REGIONS, Regions
from quartzdb_platform.domain.session_limits import SessionLimits
from quartzdb_platform.identity.admission import Admission
from quartzdb_platform.identity.challenges import Challenges
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.identity.passkeys import Passkeys
from quartzdb_platform.identity.people import People
from quartzdb_platform.identity.provider_signature import ProviderSignatures
from quartzdb_platform.identity.providers import Providers
from quartzdb_platform.identity.sign_in import HASH_COST, SignIn
from quartzdb_platform.mail.suppressions import SuppressingMailer, Suppressions
from quartzdb_platform.metering import former_projects, places
from quartzdb_platform.metering.cap_keeping import CapKeeping
from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.metering.descriptions import StoredDescriptions
from quartzdb_platform.metering.journal import JournalReader, UsageJournal
from quartzdb_platform.metering.key_uses import KeyUses, KeyUseTable
from quartzdb_platform.metering.overview import Overviews
from quartzdb_platform.metering.recommendations import Recommendations
from quartzdb_platform.metering.statements import Statements
from quartzdb_platform.metering.storage import Drift, StorageSampling
from quartzdb_platform.metering.usage import Usage
from quartzdb_platform.payments import Payments
from quartzdb_platform.plans.blocks import Blocks
from quartzdb_platform.plans.plan_changes import PlanChanges
from quartzdb_platform.plans.plan_file import load_plans
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import (
    AuditLines,
    DataPlaneArchives,
    DataPlaneData,
    DataPlaneDescriptions,
    DataPlaneGrants,
    DataPlaneKeys,
    DataPlaneNamespaces,
    DataPlaneTenants,
    DescribedSizes,
    DocumentTable,
    IdentityProvider,
    Mailer,
    ProviderKeys,
    StatusSource,
)
from quartzdb_platform.status.incidents import Incidents
from quartzdb_platform.status.own_probe import OwnProbe
from quartzdb_platform.status.report import StatusReports
from quartzdb_platform.upkeep import Step, Upkeep


class StorageSizes(NamedTuple):
    """Where to ask what projects hold; `spares`, `drifted` and how often they are compared are StorageSampling's."""

    sizes: DescribedSizes
    spares: bool = False
    drifted: Callable[[Drift], object] = lambda _: None
    compared_every_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class Platform:
    """The use cases of one process."""

    archive: Archive
    audit: AuditLog
    data_plane_audit: DataPlaneAudit
    blocks: Blocks
    browser_keys: BrowserKeys
    clock: Clock
    caps: CapKeeping
    closings: Closings
    certificate: Callable[[str], dict[str, object]]
    credentials: Credentials
    directory: Callable[[int, str | None], Page]
    exports: Exports
    grants: GrantPublisher
    leaving: Leaving
    members: Members
    onboarding: Onboarding
    organizations: Organizations
    overviews: Overviews
    passkeys: Passkeys
    plan_changes: PlanChanges
    plans: Plans
    project_ends: ProjectEnds
    projects: Projects
    providers: Providers
    recommendations: Recommendations
    referrals: Referrals
    residences: Residences
    sign_in: SignIn
    status: StatusReports
    console_url: str
    standings: Standings
    statements: Statements
    suppressions: Suppressions
    tokens: Tokens
    upkeep: Upkeep
    usage: Usage
    waitlist: Waitlist
    usage_journal: JournalReader | None = None
    secret_scanning: SecretScanning | None = None
    deletions: Deletions | None = None
    project_deletions: ProjectDeletions | None = None
    billing: BillingDesk | None = None


def assemble(
    table: DocumentTable,
    mailer: Mailer,
    keys: DataPlaneKeys,
    grants: DataPlaneGrants,
    clock: Clock,
    console_url: str,
    *,
    namespaces: DataPlaneNamespaces,
    database_url: str,
    relying_party: RelyingParty,
    providers: Mapping[str, IdentityProvider] | None = None,
    sign_up_is_open: bool = True,
    sessions: SessionLimits | None = None,
    plans: Plans | None = None,
    provider_keys: ProviderKeys | None = None,
    audit_lines: AuditLines | None = None,
    takes_delivered_audit: bool = False,
    key_uses: KeyUseTable | None = None,
    usage_journal: UsageJournal | None = None,
    sizes: StorageSizes | None = None,
    descriptions: DataPlaneDescriptions | None = None,
    status_source: StatusSource | None = None,
    look: Callable[[], object] | None = None,
    further_steps: Sequence[Step] = (),
    tenants: DataPlaneTenants | None = None,
    deletes_elsewhere: bool = False,
    archives: DataPlaneArchives | None = None,
    makes_archives: bool = True,
    data: DataPlaneData | None = None,
    remains: tuple[Remain, ...] = (),
    scrub: Callable[[], bool] = lambda: True,
    regions: Regions = NO_REGIONS,
    code_hash_cost: int = HASH_COST,
    payments: Payments | None = None,
    webhook_secrets: Callable[[], Sequence[str]] = tuple,
) -> Platform:
    """Use cases over any adapters. `console_url` is where the links in mails lead; `database_url` has no path;
    `plans` are those that are sold. `provider_keys` are of who reports leaks; None: nobody does.
    `audit_lines` are what the database tells, and `usage_journal` what was used of it; None: they are brought here by
    others, `takes_delivered_audit` says whether as audit.delivered has them. `key_uses` are told when keys
    were used, from what was counted; None: the database notes it itself. `sizes` are what projects hold; None:
    their storage is not sampled here. `descriptions`: what namespaces hold, for recommendations;
    None: what a sample of storage learns is kept. `status_source` knows
    how origins do; else `look` raises QuartzError where the one database does not do what it should, and is asked each
    minute. `further_steps`: what adapters have done by the scheduled pass.
    `tenants` deletes what projects have and `data` sends it; None: this process does neither, and `deletes_elsewhere`
    says whether another one deletes. `archives` are made for organizations and kept, by this process where
    `makes_archives`; None: everything is sent at once. `remains` and `scrub` are those of Deletions. `regions` are
    those that organizations choose from. `code_hash_cost`: what the hash of a mailed code takes. `payments` takes the
    money, and signs what it sends with `webhook_secrets`; None: plans are changed by whoever operates this.
    """
    plans = plans or load_plans()
    suppressions = Suppressions(table, clock)
    mailer = SuppressingMailer(mailer, suppressions)
    audit = AuditLog(table, clock)
    credentials = Credentials(table, clock, sessions)
    admission = Admission(table, clock, is_open=sign_up_is_open)
    people, challenges = People(table, clock, admission), Challenges(table, clock)
    blocks = Blocks(table)
    publisher = GrantPublisher(
        table, grants, plans, blocks, clock, f"{console_url}/organizations/{{organization}}/plan"
    )
    caps = CapKeeping(table, audit, blocks, publisher, plans, clock)
    statements = Statements(table, plans, clock)
    referrals = Referrals(table, audit, clock)
    organizations = Organizations(table, audit, clock, regions=regions)
    projects = Projects(table, audit, keys, publisher, clock)
    data_plane_audit = DataPlaneAudit(table, audit, clock)
    steps = [
        Step("grants", 60, lambda _: publisher.publish_due()),
        Step("all-grants", 86_400, lambda _: publisher.publish_all(everything=True)),
        Step("caps", 60, caps.run),
        Step("all-caps", 86_400, caps.run_all),
        Step("statements", 60, statements.run),
        *further_steps,
        *_learnt_of_data(table, clock, sizes, key_uses, describes=descriptions is None),
        *_told(
            data_plane_audit, audit_lines, DeliveredAudit(table, clock) if takes_delivered_audit else None
        ),
        Step("gone-projects", 3_600, lambda now_ms: forget_late(table, now_ms, (places.usage_pk(""),))),
    ]
    if status_source is not None:
        failovers = FailoverAudit(
            table, audit, status_source, lambda: ((one.id, one.created_at_ms) for one in all_of(table))
        )
        steps.append(Step("failovers", 60, failovers.run))
    if status_source is None and look is not None:
        own = OwnProbe(table, clock, "database", look)
        steps.append(Step("status", 60, own.probe))
        status_source = own
    notices = Notices(table, mailer, clock)
    steps.append(Step("notices", 60, lambda _: notices.send_all()))
    exports = Exports(table, audit, credentials, keys, archives, clock)
    if archives is not None and makes_archives:
        steps.append(Step("exports", 60, exports.run_due))
    desk = None
    if payments is not None:

        def changed(organization_id: str) -> None:
            caps.check(organization_id)
            publisher.publish_soon(organization_id)
            notices.send_soon()

        desk = open_desk(
            table,
            audit,
            credentials,
            payments,
            clock,
            f"{console_url}/organizations/{{organization}}/billing",
            webhook_secrets=webhook_secrets,
            plans=plans,
            changed=changed,
        )
        steps += desk.steps
    deletions = project_deletions = None
    if tenants is not None:
        project_deletions = ProjectDeletions(
            table, audit, tenants, notices, clock, remains, partial(former_projects.put, table), scrub=scrub
        )
        deletions = Deletions(
            table,
            audit,
            credentials,
            tenants,
            notices,
            clock,
            remains,
            scrub=scrub,
            end_billing=desk.end if desk else lambda _: None,
            forget_archives=exports.forget if archives is not None else lambda _: None,
            end_projects=project_deletions.end_all,
        )
        steps += _deletes(deletions, project_deletions)
    members = Members(table, audit, mailer, publisher, clock, f"{console_url}/invitation")
    usage = Usage(table, plans, clock)
    passkeys = Passkeys(table, credentials, challenges, mailer, clock, relying_party)
    scanning = None
    if provider_keys is not None:
        signatures = ProviderSignatures(provider_keys, clock)
        scanning = SecretScanning(table, audit, keys, credentials, mailer, signatures, clock)
    return Platform(
        archive=Archive(table, audit, credentials, keys, data, clock),
        audit=audit,
        data_plane_audit=data_plane_audit,
        blocks=blocks,
        console_url=console_url,
        browser_keys=BrowserKeys(table, audit, keys, clock),
        clock=clock,
        caps=caps,
        closings=Closings(
            table,
            audit,
            credentials,
            publisher,
            notices,
            clock,
            deletes=deletes_elsewhere or deletions is not None,
        ),
        certificate=partial(certificate_of, table),
        credentials=credentials,
        directory=partial(page_of, table),
        exports=exports,
        grants=publisher,
        leaving=Leaving(table, credentials, members, passkeys),
        members=members,
        onboarding=Onboarding(
            table, audit, organizations, projects, referrals, namespaces, clock, database_url
        ),
        organizations=organizations,
        overviews=Overviews(table, usage, plans, clock),
        passkeys=passkeys,
        plan_changes=PlanChanges(table, audit, plans, publisher, clock),
        plans=plans,
        project_ends=ProjectEnds(
            table,
            audit,
            credentials,
            publisher,
            notices,
            clock,
            deletes=deletes_elsewhere or project_deletions is not None,
        ),
        projects=projects,
        providers=Providers(
            table,
            credentials,
            challenges,
            people,
            mailer,
            clock,
            providers or {},
            f"{console_url}/v1/sign-in/providers/{{provider}}/callback",
        ),
        recommendations=Recommendations(
            table, usage, keys, descriptions or StoredDescriptions(table), plans, clock
        ),
        referrals=referrals,
        residences=Residences(table, audit, publisher, namespaces, regions),
        status=StatusReports(status_source, Incidents(table, clock), clock),
        sign_in=SignIn(
            table,
            credentials,
            people,
            mailer,
            clock,
            f"{console_url}/sign-in",
            f"{console_url}/waitlist",
            hash_cost=code_hash_cost,
        ),
        standings=Standings(table, audit, publisher),
        statements=statements,
        suppressions=suppressions,
        waitlist=Waitlist(
            table, people, admission, mailer, clock, f"{console_url}/waitlist", f"{console_url}/"
        ),
        tokens=Tokens(table, audit, credentials),
        upkeep=Upkeep(table, clock, steps),
        usage=usage,
        usage_journal=(
            JournalReader(table, Counters(table, clock), usage_journal, counted=caps.check_projects)
            if usage_journal
            else None
        ),
        secret_scanning=scanning,
        deletions=deletions,
        project_deletions=project_deletions,
        billing=desk,
    )


def _learnt_of_data(
    table: DocumentTable,
    clock: Clock,
    sizes: StorageSizes | None,
    key_uses: KeyUseTable | None,
    *,
    describes: bool,
) -> Iterator[Step]:
    """What is asked of the database once in a while, and told to it."""
    if sizes is not None:
        storage = StorageSampling(
            table,
            sizes.sizes,
            clock,
            spares=sizes.spares,
            describe=sizes.sizes.described if describes else None,
            drifted=sizes.drifted,
        )
        yield Step("storage", 600, storage.sample)
        yield Step("storage-reconciliation", sizes.compared_every_seconds, storage.reconcile)
    if key_uses is not None:
        yield Step("key-uses", 3_600, KeyUses(table, key_uses, clock).run)


def _deletes(deletions: Deletions, project_deletions: ProjectDeletions) -> Iterator[Step]:
    yield Step("deletions", 300, lambda _: deletions.run_due())
    yield Step("project-deletions", 300, lambda _: project_deletions.run_due())


def _told(
    audit: DataPlaneAudit, lines: AuditLines | None, delivered: DeliveredAudit | None
) -> Iterator[Step]:
    """What the database tells, made events of."""
    if delivered is not None:
        yield Step("delivered-audit", 60, lambda _: delivered.take_all(audit))
    if lines is not None:
        yield Step("data-plane-audit", 60, lambda _: audit.take_all(lines))
