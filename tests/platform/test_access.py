"""Every route, asked by everybody: who may do what is one table, and a route that is not in here fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.utils import get_openapi
from starlette.testclient import TestClient

from quartzdb_platform.api.app import PREFIX, create_app
from quartzdb_platform.domain.permissions import PERMISSIONS, Permission, Role
from tests.platform.conftest import Person, Site

OPEN = {
    "POST /sign-in",
    "POST /sign-in/verify",
    "POST /sign-in/link",
    "POST /sign-in/passkey/options",
    "POST /sign-in/passkey",
    "POST /waitlist",
    "POST /waitlist/confirm",
    "GET /sign-in/providers",
    "POST /sign-in/providers/{provider}",
    "GET /sign-in/providers/{provider}/callback",
    "POST /secret-scanning/github",
    "GET /status",
}
"""Anybody's: what one does before one is somebody."""
OWN = {
    "GET /session",
    "DELETE /session",
    "GET /sessions",
    "DELETE /sessions",
    "DELETE /sessions/{session_id}",
    "POST /passkeys/options",
    "POST /passkeys",
    "GET /passkeys",
    "PATCH /passkeys/{passkey_id}",
    "DELETE /passkeys/{passkey_id}",
    "POST /step-up/passkey/options",
    "POST /step-up/passkey",
    "GET /identities",
    "DELETE /identities/{identity_id}",
    "POST /start",
    "POST /organizations",
    "GET /organizations",
    "POST /invitations/accept",
    "DELETE /account",
}
"""Any person's, about themselves."""
_O, _P = "/organizations/{organization_id}", "/projects/{project_id}"
NEEDS = {
    f"GET {_O}": Permission.ORGANIZATION_READ,
    f"PATCH {_O}": Permission.ORGANIZATION_UPDATE,
    f"GET {_O}/deletion": Permission.ORGANIZATION_READ,
    f"POST {_O}/deletion": Permission.ORGANIZATION_DELETE,
    f"DELETE {_O}/deletion": Permission.ORGANIZATION_DELETE,
    f"GET {_O}/export": Permission.ORGANIZATION_EXPORT,
    f"POST {_O}/exports": Permission.ORGANIZATION_EXPORT,
    f"GET {_O}/exports": Permission.ORGANIZATION_EXPORT,
    f"POST {_O}/exports/{{export_id}}/link": Permission.ORGANIZATION_EXPORT,
    f"DELETE {_O}/exports/{{export_id}}": Permission.ORGANIZATION_EXPORT,
    f"GET {_O}/members": Permission.MEMBERS_READ,
    f"PATCH {_O}/members/{{user_id}}": Permission.MEMBERS_MANAGE,
    f"DELETE {_O}/members/{{user_id}}": Permission.MEMBERS_MANAGE,
    f"GET {_O}/invitations": Permission.MEMBERS_MANAGE,
    f"POST {_O}/invitations": Permission.MEMBERS_MANAGE,
    f"DELETE {_O}/invitations/{{invitation_id}}": Permission.MEMBERS_MANAGE,
    f"POST {_O}/projects": Permission.PROJECTS_CREATE,
    f"GET {_O}/projects": Permission.PROJECTS_READ,
    f"GET {_P}": Permission.PROJECTS_READ,
    f"PATCH {_P}": Permission.PROJECTS_CREATE,
    f"PUT {_P}/status": Permission.PROJECTS_SUSPEND,
    f"GET {_P}/deletion": Permission.PROJECTS_READ,
    f"POST {_P}/deletion": Permission.PROJECTS_DELETE,
    f"DELETE {_P}/deletion": Permission.PROJECTS_DELETE,
    f"GET {_P}/keys": Permission.KEYS_READ,
    f"POST {_P}/keys": Permission.KEYS_CREATE,
    f"POST {_P}/keys/{{key_id}}/rotate": Permission.KEYS_CREATE,
    f"DELETE {_P}/keys/{{key_id}}": Permission.KEYS_REVOKE,
    f"POST {_P}/browser-keys": Permission.DATA_READ,
    f"GET {_O}/tokens": Permission.TOKENS_READ,
    f"POST {_O}/tokens": Permission.TOKENS_MANAGE,
    f"DELETE {_O}/tokens/{{token_id}}": Permission.TOKENS_MANAGE,
    f"GET {_O}/audit": Permission.AUDIT_READ,
    f"POST {_O}/referral": Permission.ORGANIZATION_UPDATE,
    f"GET {_O}/credits": Permission.USAGE_READ,
    f"GET {_O}/statements": Permission.USAGE_READ,
    f"GET {_P}/usage": Permission.USAGE_READ,
    f"GET {_O}/usage": Permission.USAGE_READ,
    f"GET {_P}/overview": Permission.USAGE_READ,
    f"GET {_O}/overview": Permission.USAGE_READ,
    f"GET {_P}/recommendations": Permission.USAGE_READ,
    f"GET {_O}/recommendations": Permission.USAGE_READ,
    f"PUT {_O}/cap": Permission.CAP_UPDATE,
    f"GET {_O}/billing": Permission.BILLING_READ,
    f"GET {_O}/billing/invoices": Permission.BILLING_READ,
    f"GET {_O}/billing/quote": Permission.BILLING_READ,
    f"POST {_O}/billing/checkout": Permission.BILLING_MANAGE,
    f"POST {_O}/billing/portal": Permission.BILLING_MANAGE,
    f"PUT {_O}/billing/plan": Permission.BILLING_MANAGE,
    f"POST {_O}/billing/cancel": Permission.BILLING_MANAGE,
    f"POST {_O}/billing/resume": Permission.BILLING_MANAGE,
    f"GET {_O}/audit/verify": Permission.AUDIT_READ,
    f"GET {_O}/audit/export": Permission.AUDIT_READ,
}
OPERATOR = {
    "GET /operator/waitlist",
    "POST /operator/waitlist/invite",
    "POST /operator/waitlist/resend",
    "POST /operator/mail/lift",
    "GET /operator/organizations",
    "PUT /operator/organizations/{organization_id}/status",
    "PUT /operator/organizations/{organization_id}/plan",
    "POST /operator/plans/publish",
    "GET /operator/organizations/{organization_id}/audit/verify",
    "GET /operator/certificates/{of_id}",
}
"""Of who operates the platform, by a token of theirs; tests/platform/test_operators.py says who is refused."""
PERSONAL = {f"POST {_P}/browser-keys"}
"""What of it is for people alone."""
QUERIES = {f"GET {_O}/billing/quote": "?plan=pro"}
BODIES = {
    f"POST {_O}/billing/checkout": {"plan": "pro"},
    f"PUT {_O}/billing/plan": {"plan": "free"},
    f"PUT {_O}/cap": {"dollars": None},
    f"PATCH {_O}": {"name": "Renamed"},
    f"POST {_O}/deletion": {"name": "Renamed"},
    f"PATCH {_O}/members/{{user_id}}": {"role": "viewer"},
    f"POST {_O}/invitations": {"email": "new@example.com", "role": "viewer"},
    f"POST {_O}/projects": {"name": "another"},
    f"PATCH {_P}": {"name": "Renamed"},
    f"PUT {_P}/status": {"status": "read_only"},
    f"POST {_P}/deletion": {"name": "Renamed"},
    f"POST {_P}/keys": {"name": "key", "scopes": ["read"]},
    f"POST {_P}/keys/{{key_id}}/rotate": {},
    f"POST {_O}/tokens": {"name": "token", "role": "viewer"},
}


def routes(site: Site) -> Iterator[str]:
    paths = site.http.app.openapi()["paths"]  # type: ignore[attr-defined]
    for path, methods in paths.items():
        yield from (f"{method.upper()} {path.removeprefix(PREFIX)}" for method in methods)


def test_every_route_is_in_here(site: Site) -> None:
    """Whoever adds one says who may use it."""
    assert set(routes(site)) == OPEN | OWN | OPERATOR | set(NEEDS)


def test_nobody_describes_what_nobody_asks_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document takes as long as hundreds of requests: a function that starts must not wait for it."""
    made = []

    def made_now(**told: Any) -> dict[str, Any]:
        made.append(told)
        return get_openapi(**told)

    monkeypatch.setattr("quartzdb_platform.api.openapi.get_openapi", made_now)
    application = create_app(site.platform)
    with TestClient(application) as http:
        assert http.get(f"{PREFIX}/session").status_code == 401
        assert not made
        first, again = (http.get("/platform/openapi.json") for _ in range(2))
    assert first.json() == again.json() == site.http.get("/platform/openapi.json").json()
    assert len(made) == 2  # of this one, and of the site's own


@pytest.fixture
def asked(site: Site) -> tuple[Site, Person, dict[str, str]]:
    """An owner, and something of each kind to ask about."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})["id"]
    key = owner.must("POST", f"/projects/{project}/keys", {"name": "k", "scopes": ["read"]})["id"]
    token = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "t", "role": "viewer"})["id"]
    invitation = owner.must(
        "POST", f"/organizations/{organization}/invitations", {"email": "i@example.com", "role": "viewer"}
    )["id"]
    victim = site.join(owner, organization, "victim@example.com", Role.VIEWER)
    names = {
        "organization_id": organization,
        "project_id": project,
        "key_id": key,
        "token_id": token,
        "invitation_id": invitation,
        "user_id": victim.user_id,
        "export_id": owner.must("POST", f"/organizations/{organization}/exports")["id"],
    }
    site.platform.exports.run_due(0)
    return site, owner, names


def ask(person: Person, route: str, names: dict[str, str]) -> int:
    method, _, path = route.partition(" ")
    status: int = person.ask(
        method, path.format(**names) + QUERIES.get(route, ""), BODIES.get(route)
    ).status_code
    return status


@pytest.mark.parametrize("role", Role)
def test_each_role_does_what_the_table_says(asked: tuple[Site, Person, dict[str, str]], role: Role) -> None:
    """And nothing else. What is taken away is asked for last."""
    site, owner, names = asked
    member = site.join(owner, names["organization_id"], f"{role.value}@other.example.com", role)
    for route in sorted(NEEDS, key=lambda route: route.startswith("DELETE")):
        allowed = NEEDS[route] in PERMISSIONS[role]
        status = ask(member, route, names)
        assert (status < 300) == allowed, f"{role} {route}: {status}"
        assert allowed or status == 403, f"{role} {route}: {status}"


def test_a_stranger_learns_nothing(asked: tuple[Site, Person, dict[str, str]]) -> None:
    """Nor does an owner of another organization: what they may not see is not there. Nobody is told to sign in."""
    site, _, names = asked
    stranger = site.person("stranger@example.com")
    other = site.person("other@example.com")
    theirs = site.organization(other, "Other")
    nobody = Person(site.http, "", "qdb_sess_" + "0" * 64)
    other.must("POST", f"/organizations/{theirs}/projects", {"name": "theirs"})
    for route in NEEDS:
        assert ask(stranger, route, names) == 404, route
        assert ask(other, route, names) == 404, route
        assert ask(nobody, route, names) == 401, route
    for route in OWN:
        assert ask(nobody, route, {"session_id": "ses_x", "passkey_id": "psk_x", "identity_id": "x"}) in {
            400,
            401,
        }, route


def test_parts_of_others_are_not_reached_through_ones_own(asked: tuple[Site, Person, dict[str, str]]) -> None:
    """The organization in the path does not open what is another's."""
    site, owner, names = asked
    other = site.person("other@example.com")
    theirs = site.organization(other, "Other")
    own_project = other.must("POST", f"/organizations/{theirs}/projects", {"name": "theirs"})["id"]
    swapped = {**names, "organization_id": theirs, "project_id": own_project}
    for route in (route for route in NEEDS if route.startswith(("DELETE", f"PATCH {_O}/members"))):
        assert ask(other, route, swapped) == 404, route
    assert owner.ask("GET", f"/projects/{names['project_id']}/keys").json()[0]["revoked_at"] is None


def test_a_token_does_what_its_role_may_in_its_organization(
    asked: tuple[Site, Person, dict[str, str]],
) -> None:
    """And nothing that is a person's: it makes no tokens, accepts no invitations and has no sessions."""
    site, owner, names = asked
    organization = names["organization_id"]
    made = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "ci", "role": "developer"})
    token = Person(site.http, "", made["token"])
    assert made["token"].startswith("qdb_mgmt_")
    for route in sorted(NEEDS, key=lambda route: route.startswith("DELETE")):
        allowed = NEEDS[route] in PERMISSIONS[Role.DEVELOPER] and route not in PERSONAL
        assert (ask(token, route, names) < 300) == allowed, route
    assert token.ask("GET", "/sessions").status_code == 403
    assert token.ask("POST", "/organizations", {"name": "mine"}).status_code == 403
    other = site.organization(owner, "Second")
    assert token.ask("GET", f"/organizations/{other}").status_code == 404
    owner.must("DELETE", f"/organizations/{organization}/tokens/{made['id']}")
    assert token.ask("GET", f"/organizations/{organization}").status_code == 401


def test_a_token_needs_a_fresh_sign_in_and_is_no_owner(asked: tuple[Site, Person, dict[str, str]]) -> None:
    """Dangerous things are done by who has just shown who they are."""
    site, owner, names = asked
    path = f"/organizations/{names['organization_id']}/tokens"
    assert owner.ask("POST", path, {"name": "t", "role": "owner"}).status_code == 403
    site.clock.seconds += 16 * 60
    refused = owner.ask("POST", path, {"name": "t", "role": "viewer"})
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
