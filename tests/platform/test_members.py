"""Members, invitations and roles, also when two change the same thing at once."""

from __future__ import annotations

from threading import Barrier, Thread

from quartzdb_platform.accounts.members import INVITATION_MS
from quartzdb_platform.domain.permissions import Role
from tests.platform.conftest import Person, Site


def at_once(*asks: tuple[Person, str, str, object]) -> list[int]:
    statuses, start = [0] * len(asks), Barrier(len(asks))

    def one(number: int) -> None:
        person, method, path, body = asks[number]
        start.wait()
        statuses[number] = person.ask(method, path, body).status_code

    threads = [Thread(target=one, args=(number,)) for number in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def test_an_invitation_is_of_one_address_and_taken_once(site: Site) -> None:
    """By whoever holds the address, within its time; twice at once is once."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    path = f"/organizations/{organization}/invitations"
    guest, thief = site.person("guest@example.com"), site.person("thief@example.com")
    owner.must("POST", path, {"email": "Guest@example.com", "role": "developer"})
    body = {"invitation": site.mailbox.secret("guest@example.com", "invitation")}
    assert thief.ask("POST", "/invitations/accept", body).status_code == 403
    accept = (guest, "POST", "/invitations/accept", body)
    assert at_once(accept, accept) == [200, 404]
    assert guest.must("GET", f"/organizations/{organization}")["role"] == "developer"
    assert owner.must("GET", path) == []
    assert owner.ask("POST", path, {"email": "guest@example.com", "role": "viewer"}).status_code == 409
    owner.must("POST", path, {"email": "thief@example.com", "role": "viewer"})
    for _ in range(2):
        site.clock.seconds += INVITATION_MS / 2_000
        thief.must("GET", "/session")  # a session ends as soon, where it is not used
    late = {"invitation": site.mailbox.secret("thief@example.com", "invitation")}
    assert thief.ask("POST", "/invitations/accept", late).status_code == 404


def test_an_invitation_that_was_withdrawn_is_worth_nothing(site: Site) -> None:
    """At once."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    path = f"/organizations/{organization}/invitations"
    made = owner.must("POST", path, {"email": "guest@example.com", "role": "viewer"})
    owner.must("DELETE", f"{path}/{made['id']}")
    body = {"invitation": site.mailbox.secret("guest@example.com", "invitation")}
    assert site.person("guest@example.com").ask("POST", "/invitations/accept", body).status_code == 404
    assert owner.ask("DELETE", f"{path}/{made['id']}").status_code == 404


def test_there_is_always_an_owner(site: Site) -> None:
    """Of two who remove each other at once, one stays."""
    ada, bob = site.person("ada@example.com"), None
    organization = site.organization(ada)
    assert ada.ask("DELETE", f"/organizations/{organization}/members/{ada.user_id}").status_code == 409
    path = f"/organizations/{organization}/members"
    assert ada.ask("PATCH", f"{path}/{ada.user_id}", {"role": "admin"}).status_code == 409
    bob = site.join(ada, organization, "bob@example.com", Role.OWNER)
    statuses = at_once(
        (ada, "DELETE", f"{path}/{bob.user_id}", None), (bob, "DELETE", f"{path}/{ada.user_id}", None)
    )
    assert statuses[0] == 204
    assert statuses[1] in {403, 404, 409}
    left = ada if ada.ask("GET", path).status_code == 200 else bob
    assert [member["role"] for member in left.must("GET", path)] == ["owner"]


def test_nobody_gives_or_takes_more_than_they_have(site: Site) -> None:
    """An admin makes no owner, and demotes or removes none."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    admin = site.join(owner, organization, "admin@example.com", Role.ADMIN)
    path = f"/organizations/{organization}"
    refused = [
        admin.ask("POST", f"{path}/invitations", {"email": "x@example.com", "role": "owner"}),
        admin.ask("PATCH", f"{path}/members/{admin.user_id}", {"role": "owner"}),
        admin.ask("PATCH", f"{path}/members/{owner.user_id}", {"role": "viewer"}),
        admin.ask("DELETE", f"{path}/members/{owner.user_id}"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    assert admin.ask("PATCH", f"{path}/members/{owner.user_id}", {"role": "king"}).status_code == 400


def test_who_is_removed_is_out_at_once(site: Site) -> None:
    """Their session is good, and the organization is not there for them any more."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    member = site.join(owner, organization, "member@example.com", Role.ADMIN)
    owner.must("DELETE", f"/organizations/{organization}/members/{member.user_id}")
    assert member.ask("GET", f"/organizations/{organization}").status_code == 404
    assert member.must("GET", "/organizations") == []


def test_two_admins_who_change_one_role_both_leave_a_word(site: Site) -> None:
    """Whoever is later wins, and the audit log has both."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    admins = [site.join(owner, organization, f"a{n}@example.com", Role.ADMIN) for n in range(2)]
    member = site.join(owner, organization, "m@example.com", Role.VIEWER)
    path = f"/organizations/{organization}/members/{member.user_id}"
    roles = ({"role": "developer"}, {"role": "admin"})
    assert at_once(*((admin, "PATCH", path, role) for admin, role in zip(admins, roles, strict=True))) == [
        200,
        200,
    ]
    events = owner.must("GET", f"/organizations/{organization}/audit")
    changed = [event for event in events if event["action"].startswith("member.role.")]
    assert sorted(event["action"] for event in changed) == ["member.role.admin", "member.role.developer"]
    assert {event["actor"] for event in changed} == {admin.user_id for admin in admins}
    members = owner.must("GET", f"/organizations/{organization}/members")
    role = next(one["role"] for one in members if one["user_id"] == member.user_id)
    assert changed[0]["action"] == f"member.role.{role}"
    assert owner.must("GET", f"/organizations/{organization}/audit/verify")["whole"]
