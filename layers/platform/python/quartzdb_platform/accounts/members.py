"""Use cases of members: list, invite, accept, change the role of, remove. An organization always has an owner."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, Forbidden, NotFound
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.organizations import Access
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.ids import new_id
from quartzdb_platform.domain.names import checked_email
from quartzdb_platform.domain.permissions import Permission, Role, checked_role, grants_at_most, require
from quartzdb_platform.domain.records import Invitation, Member, User
from quartzdb_platform.identity.admission import Admission
from quartzdb_platform.identity.attempts import Attempts, Rate
from quartzdb_platform.mail import messages
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.ports import Change, Delete, Document, DocumentTable, Mailer, Put
from quartzdb_platform.transaction import change

OF_ORGANIZATION = Rate(burst=20, seconds=60)
INVITATION_MS = 7 * 24 * 3_600_000
_SECRET_BYTES = 32


class Members:
    """One instance serves everybody. `accept_url` is a page's address; a link has the rest as its fragment."""

    def __init__(
        self,
        table: DocumentTable,
        audit: AuditLog,
        mailer: Mailer,
        grants: GrantPublisher,
        clock: Clock,
        accept_url: str,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._table = table
        self._audit = audit
        self._mailer = mailer
        self._grants = grants
        self._clock = clock
        self._accept_url = accept_url
        self._random_bytes = random_bytes
        self._attempts = Attempts(table, clock)
        self._admission = Admission(table, clock)

    def list(self, access: Access) -> Sequence[Member]:
        """By user id."""
        found = self._table.query(
            store.organization_pk(access.organization_id), "member#", limit=store.LISTED_MAX
        )
        return [store.member_of(document) for document in found]

    def invitations(self, access: Access) -> Sequence[Invitation]:
        """Those that still wait, the oldest first."""
        pk = store.organization_pk(access.organization_id)
        found = self._table.query(pk, "invitation#", limit=store.LISTED_MAX)
        now_ms = self._clock.unix_ms()
        return [store.invitation_of(one) for one in found if one.body["expires_at_ms"] > now_ms]

    def invite(self, access: Access, inviter: User, email: str, role_name: str) -> Invitation:
        """Mail somebody a seat. Raises InvalidArgument, Forbidden, Conflict, TooManyAttempts."""
        email, role = checked_email(email), checked_role(role_name)
        self._require_grantable(access, role)
        organization = store.organization_of(self._table, access.organization_id)[0]
        members = self.list(access)
        if any(member.email == email for member in members):
            raise Conflict(f"{email} is a member already.", field="email")
        taken = len(members) + len(self.invitations(access))
        self._grants.require_room(organization.id, "seats", taken, "members and invitations")
        self._attempts.count("invitations of one organization", organization.id, OF_ORGANIZATION)
        now_ms = self._clock.unix_ms()
        secret = self._random_bytes(_SECRET_BYTES).hex()
        invitation = Invitation(
            new_id("inv", now_ms, self._random_bytes),
            organization.id,
            email,
            role,
            inviter.id,
            now_ms,
            now_ms + INVITATION_MS,
        )
        body = {**asdict(invitation), "secret": _hash(secret)}
        ends_ms = invitation.expires_at_ms

        def decide() -> tuple[None, Sequence[Change]]:
            event = self._audit.entry(organization.id, access.actor, "invitation.create", invitation.id)
            pk, sk = store.organization_pk(organization.id), f"invitation#{invitation.id}"
            by_secret = Put(f"INVITATION#{_hash(secret)}", "invitation", {"pk": pk, "sk": sk}, None, ends_ms)
            # Also where accounts are by invitation: this is one.
            admitted = self._admission.admit(email, ends_ms)
            return None, [Put(pk, sk, body, None, ends_ms), by_secret, *admitted, *event]

        # Before it is stored: an invitation of which nobody was told would only take a seat.
        link = f"{self._accept_url}#invitation={secret}"
        days = INVITATION_MS // 86_400_000
        self._mailer.send(
            messages.invitation(email, organization.name, inviter.email, role.value, link, days)
        )
        change(self._table, decide)
        return invitation

    def accept(self, user: User, secret: str, address: str) -> Member:
        """Take the seat, once. Raises NotFound, Forbidden, Conflict."""

        def decide() -> tuple[Member, Sequence[Change]]:
            by_secret = self._table.get(f"INVITATION#{_hash(secret)}", "invitation")
            found = self._table.get(by_secret.body["pk"], by_secret.body["sk"]) if by_secret else None
            if by_secret is None or found is None or found.body["expires_at_ms"] <= self._clock.unix_ms():
                raise NotFound(
                    "This invitation was used, taken back, or has ended.", hint="Ask for a new one."
                )
            invitation = store.invitation_of(found)
            if invitation.email != user.email:
                raise Forbidden(
                    "This invitation is for another e-mail address.", hint="Sign in with that address."
                )
            organization_id = invitation.organization_id
            if store.member_document(self._table, organization_id, user.id) is not None:
                raise Conflict("You are a member already.")
            member = Member(organization_id, user.id, user.email, invitation.role, self._clock.unix_ms())
            owners = self._owners(organization_id, 1 if member.role is Role.OWNER else 0)
            event = self._audit.entry(
                organization_id, Actor(user.id, address), "invitation.accept", invitation.id
            )
            return member, [
                Delete(by_secret.pk, by_secret.sk, by_secret.revision),
                Delete(found.pk, found.sk, found.revision),
                store.put_member(member, None),
                store.put_membership(member),
                *owners,
                *event,
            ]

        return change(self._table, decide)

    def withdraw(self, access: Access, invitation_id: str) -> None:
        """Take an invitation back. Raises NotFound."""

        def decide() -> tuple[None, Sequence[Change]]:
            pk, sk = store.organization_pk(access.organization_id), f"invitation#{invitation_id}"
            found = self._table.get(pk, sk)
            if found is None:
                raise NotFound(f"There is no invitation {invitation_id[:80]!r}.", field="id")
            self._require_grantable(access, Role(found.body["role"]))
            event = self._audit.entry(
                access.organization_id, access.actor, "invitation.withdraw", invitation_id
            )
            return None, [Delete(pk, sk, found.revision), *event]

        change(self._table, decide)

    def change_role(self, access: Access, user_id: str, role_name: str) -> Member:
        """Raises InvalidArgument, Forbidden, NotFound; Conflict for the last owner."""
        role = checked_role(role_name)

        def decide() -> tuple[Member, Sequence[Change]]:
            document = self._seat(access, user_id)
            member = store.member_of(document)
            self._require_grantable(access, member.role)
            self._require_grantable(access, role)
            changed = replace(member, role=role)
            more = (role is Role.OWNER) - (member.role is Role.OWNER)
            event = self._audit.entry(
                access.organization_id, access.actor, f"member.role.{role.value}", user_id
            )
            owners = self._owners(access.organization_id, more)
            return changed, [store.put_member(changed, document.revision), *owners, *event]

        return change(self._table, decide)

    def remove(self, access: Access, user_id: str) -> None:
        """Raises Forbidden, NotFound; Conflict for the last owner."""

        def decide() -> tuple[None, Sequence[Change]]:
            document = self._seat(access, user_id)
            member = store.member_of(document)
            self._require_grantable(access, member.role)
            listed = self._table.get(f"USER#{user_id}", f"organization#{access.organization_id}")
            gone = [Delete(listed.pk, listed.sk, listed.revision)] if listed else []
            owners = self._owners(access.organization_id, -1 if member.role is Role.OWNER else 0)
            event = self._audit.entry(access.organization_id, access.actor, "member.remove", user_id)
            return None, [Delete(document.pk, document.sk, document.revision), *gone, *owners, *event]

        change(self._table, decide)

    def leave(self, user: User, organization_id: str, address: str) -> None:
        """Give one's own seat back. Raises Conflict for the last owner; without a seat there is nothing to do."""

        def decide() -> tuple[None, Sequence[Change]]:
            listed = self._table.get(f"USER#{user.id}", f"organization#{organization_id}")
            gone: list[Change] = [Delete(listed.pk, listed.sk, listed.revision)] if listed else []
            seat = store.member_document(self._table, organization_id, user.id)
            if seat is None:
                return None, gone
            owners = self._owners(organization_id, -1 if store.member_of(seat).role is Role.OWNER else 0)
            event = self._audit.entry(organization_id, Actor(user.id, address), "member.leave", user.id)
            return None, [Delete(seat.pk, seat.sk, seat.revision), *gone, *owners, *event]

        change(self._table, decide)

    def _seat(self, access: Access, user_id: str) -> Document:
        found = store.member_document(self._table, access.organization_id, user_id)
        if found is None:
            raise NotFound(f"There is no member {user_id[:80]!r}.", field="user")
        return found

    def _owners(self, organization_id: str, more: int) -> Sequence[Change]:
        """The organization with so many owners more. Raises Conflict where none would be left."""
        if more == 0:
            return ()
        organization, document = store.organization_of(self._table, organization_id)
        if organization.owners + more < 1:
            raise Conflict(
                "This is the last owner, and an organization needs one.",
                hint="Make somebody else an owner first.",
            )
        changed = replace(organization, owners=organization.owners + more)
        return (store.put_organization(changed, document.revision),)

    def _require_grantable(self, access: Access, role: Role) -> None:
        """Raises Forbidden: nobody gives or takes away a role that has more than their own."""
        if role is Role.OWNER:
            require(access.role, Permission.OWNERS_MANAGE)
        if not grants_at_most(access.role, role):
            raise Forbidden(
                f"Your role here is {access.role.value}, which has less than {role.value}.", field="role"
            )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
