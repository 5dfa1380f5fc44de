"""Every page of the console is closed to who is signed out, is no member, or may not by their role; every form to
another site.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fastapi import FastAPI

from quartzdb_platform.api.auth import SESSION_COOKIE
from quartzdb_platform.console.app import PAGES, add_console
from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role
from quartzdb_platform.identity.credentials import csrf_token
from tests.platform.conftest import Person, Site

OPEN = {
    ("GET", "/"),
    ("POST", "/"),
    ("POST", "/code"),
    ("GET", "/sign-in"),
    ("GET", "/invitation"),
    ("GET", "/waitlist"),
    ("GET", "/passkeys"),
    ("GET", "/status"),
    ("GET", "/status/feed"),
}
OWN = {
    ("GET", "/home"),
    ("GET", "/organizations"),
    ("POST", "/organizations"),
    ("POST", "/start"),
    ("POST", "/sign-out"),
    ("GET", "/account"),
    ("GET", "/status/console"),
    ("POST", "/account/sessions/{session_id}/end"),
    ("POST", "/account/sessions/end-others"),
    ("POST", "/account/passkeys/{passkey_id}/rename"),
    ("POST", "/account/passkeys/{passkey_id}/remove"),
    ("POST", "/account/identities/{identity_id}/unlink"),
    ("POST", "/account/delete"),
}
NEEDS = {
    ("GET", "/organizations/{organization_id}"): Permission.PROJECTS_READ,
    ("POST", "/organizations/{organization_id}/projects"): Permission.PROJECTS_CREATE,
    ("GET", "/organizations/{organization_id}/overview"): Permission.USAGE_READ,
    ("GET", "/projects/{project_id}/overview"): Permission.USAGE_READ,
    ("GET", "/organizations/{organization_id}/recommendations"): Permission.USAGE_READ,
    ("GET", "/projects/{project_id}/recommendations"): Permission.USAGE_READ,
    ("GET", "/organizations/{organization_id}/usage"): Permission.USAGE_READ,
    ("POST", "/organizations/{organization_id}/cap"): Permission.CAP_UPDATE,
    ("GET", "/projects/{project_id}/usage"): Permission.USAGE_READ,
    ("GET", "/organizations/{organization_id}/plan"): Permission.ORGANIZATION_READ,
    ("GET", "/organizations/{organization_id}/settings"): Permission.ORGANIZATION_READ,
    ("POST", "/organizations/{organization_id}/settings"): Permission.ORGANIZATION_UPDATE,
    ("POST", "/organizations/{organization_id}/settings/cap"): Permission.CAP_UPDATE,
    ("POST", "/organizations/{organization_id}/settings/region"): Permission.ORGANIZATION_UPDATE,
    ("POST", "/organizations/{organization_id}/settings/delete"): Permission.ORGANIZATION_DELETE,
    ("POST", "/organizations/{organization_id}/settings/keep"): Permission.ORGANIZATION_DELETE,
    ("GET", "/organizations/{organization_id}/settings/exports"): Permission.ORGANIZATION_EXPORT,
    ("POST", "/organizations/{organization_id}/settings/exports"): Permission.ORGANIZATION_EXPORT,
    ("POST", "/organizations/{organization_id}/settings/exports/link"): Permission.ORGANIZATION_EXPORT,
    ("POST", "/organizations/{organization_id}/settings/exports/delete"): Permission.ORGANIZATION_EXPORT,
    ("GET", "/projects/{project_id}/settings"): Permission.PROJECTS_READ,
    ("POST", "/projects/{project_id}/settings"): Permission.PROJECTS_CREATE,
    ("POST", "/projects/{project_id}/settings/status"): Permission.PROJECTS_SUSPEND,
    ("POST", "/projects/{project_id}/settings/delete"): Permission.PROJECTS_DELETE,
    ("POST", "/projects/{project_id}/settings/keep"): Permission.PROJECTS_DELETE,
    ("GET", "/organizations/{organization_id}/team"): Permission.MEMBERS_READ,
    ("POST", "/organizations/{organization_id}/team/invitations"): Permission.MEMBERS_MANAGE,
    (
        "POST",
        "/organizations/{organization_id}/team/invitations/{invitation_id}/withdraw",
    ): Permission.MEMBERS_MANAGE,
    ("POST", "/organizations/{organization_id}/team/{user_id}/role"): Permission.MEMBERS_MANAGE,
    ("POST", "/organizations/{organization_id}/team/{user_id}/remove"): Permission.MEMBERS_MANAGE,
    ("GET", "/organizations/{organization_id}/tokens"): Permission.TOKENS_READ,
    ("POST", "/organizations/{organization_id}/tokens"): Permission.TOKENS_MANAGE,
    ("POST", "/organizations/{organization_id}/tokens/{token_id}/revoke"): Permission.TOKENS_MANAGE,
    ("GET", "/organizations/{organization_id}/audit"): Permission.AUDIT_READ,
    ("GET", "/organizations/{organization_id}/billing"): Permission.BILLING_READ,
    **{
        ("POST", f"/organizations/{{organization_id}}/billing/{what}"): Permission.BILLING_MANAGE
        for what in ("checkout", "portal", "plan", "cancel", "resume")
    },
    ("GET", "/projects/{project_id}/data"): Permission.DATA_READ,
    ("GET", "/projects/{project_id}/data/{namespace}"): Permission.DATA_READ,
    ("GET", "/projects/{project_id}/data/{namespace}/key-values"): Permission.DATA_READ,
    ("GET", "/projects/{project_id}/data/{namespace}/query"): Permission.DATA_READ,
    ("GET", "/projects/{project_id}/data/{namespace}/records"): Permission.DATA_READ,
    ("GET", "/projects/{project_id}/data/{namespace}/transfer"): Permission.DATA_READ,
    ("GET", "/projects/{project_id}"): Permission.KEYS_READ,
    ("POST", "/projects/{project_id}/keys"): Permission.KEYS_CREATE,
    ("GET", "/projects/{project_id}/keys/{key_id}/first-request"): Permission.KEYS_READ,
    ("POST", "/projects/{project_id}/keys/{key_id}/revoke"): Permission.KEYS_REVOKE,
}


def routes() -> set[tuple[str, str]]:
    """Every route of the console, by the routers it is made of."""
    return {
        (method, route.path) for module in PAGES for route in module.router.routes for method in route.methods
    }


def test_every_route_is_in_one_of_the_tables() -> None:
    """So that none comes in without saying whom it is for."""
    assert routes() == OPEN | OWN | set(NEEDS)


@dataclass
class Console:
    site: Site
    ids: dict[str, str]
    members: dict[Role, Person]
    stranger: Person

    def ask(self, person: Person | None, route: tuple[str, str], *, csrf: bool = True) -> tuple[int, str]:
        """The status of an answer, and where it leads."""
        method, path = route
        self.site.http.cookies.clear()
        data = {}
        if person is not None:
            self.site.http.cookies.set(SESSION_COOKIE, person.token)
            data = {"csrf": csrf_token(person.token)} if csrf else {}
        answer = self.site.http.request(
            method, f"/platform{path.format(**self.ids)}", data=data, follow_redirects=False
        )
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return answer.status_code, answer.headers.get("location", "")


@pytest.fixture
def console(site: Site) -> Console:
    assert isinstance(site.http.app, FastAPI)
    add_console(site.http.app)
    ada = site.person("ada@example.com")
    organization = site.organization(ada)
    project = ada.must("POST", f"/organizations/{organization}/projects", {"name": "one"})["id"]
    key = ada.must("POST", f"/projects/{project}/keys", {"name": "one", "scopes": ["read"]})["id"]
    members = {role: site.join(ada, organization, f"{role.value}@example.com", role) for role in Role}
    ids = {
        "organization_id": organization,
        "project_id": project,
        "key_id": key,
        "namespace": "books",
        "invitation_id": "inv_none",
        "user_id": "usr_none",
        "token_id": "tok_none",
        "session_id": "ses_none",
        "passkey_id": "pas_none",
        "identity_id": "idn_none",
    }
    return Console(site, ids, members, site.person("eve@example.com"))


def test_who_is_signed_out_is_asked_to_sign_in(console: Console) -> None:
    """And is taken back to the page, if it was one."""
    for route in sorted(OWN | set(NEEDS)):
        status, leads_to = console.ask(None, route)
        assert (status, leads_to.partition("?")[0]) == (303, "/platform/"), route


def test_a_member_of_another_organization_finds_nothing(console: Console) -> None:
    """Not even that it is there."""
    for route in sorted(NEEDS):
        assert console.ask(console.stranger, route)[0] == 404, route


def test_each_role_may_what_the_table_says(console: Console) -> None:
    """What is refused is refused before it is looked for."""
    for route, permission in sorted(NEEDS.items()):
        for role, member in console.members.items():
            status = console.ask(member, route)[0]
            assert (status == 403) == (permission not in PERMISSIONS[role]), (route, role, status)


def test_a_form_of_another_site_does_nothing(console: Console) -> None:
    """It has the cookie, and not the session's token."""
    owner = console.members[Role.OWNER]
    for route in sorted((OWN | set(NEEDS)) - OPEN):
        if route[0] == "POST":
            assert console.ask(owner, route, csrf=False)[0] == 403, route


def test_signing_in_leads_nowhere_else(console: Console) -> None:
    """Whatever the address says."""
    console.site.http.cookies.clear()
    console.site.http.cookies.set(SESSION_COOKIE, console.stranger.token)
    for wanted in (
        "https://evil.example/",
        "//evil.example",
        "/platform//evil.example",
        "/platform/\\evil",
        "/v1",
    ):
        answer = console.site.http.get("/platform/", params={"next": wanted}, follow_redirects=False)
        assert answer.headers["location"] == "/platform/home", wanted


def test_what_a_form_led_to_leads_back_when_it_is_loaded_again(console: Console) -> None:
    """A page that answers a form, with a key that is shown once or with what was wrong, is no page by its address."""
    owner = console.members[Role.OWNER]
    below = {
        "/start": "/platform",
        "/projects/{project_id}/keys": f"/platform/projects/{console.ids['project_id']}",
        "/organizations/{organization_id}/team/invitations": (
            f"/platform/organizations/{console.ids['organization_id']}/team"
        ),
    }
    for path, above in below.items():
        assert console.ask(owner, ("GET", path)) == (303, above)
    assert console.ask(owner, ("GET", "/nowhere"))[0] == 404
