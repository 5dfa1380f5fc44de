"""Who looks at a page: whoever signed in by a link, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Forbidden, Unauthenticated
from quartzdb.wiring.embedded import Database
from quartzdb_platform.console.visitor import Form, SignedOut, form_of
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.records import Credential
from quartzdb_platform.identity.credentials import Credentials, csrf_token
from quartzdb_platform.ports import DocumentTable

COOKIE = "__Host-quartzdb-console"


@dataclass(frozen=True, slots=True)
class Here:
    """What the pages are about."""

    table: DocumentTable
    credentials: Credentials
    database: Database
    data_dir: Path
    clock: Clock


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in by this browser."""

    session: Credential
    csrf: str


def here(request: Request) -> Here:
    """What the application was made with."""
    found = request.app.state.here
    assert isinstance(found, Here)
    return found


HereNow = Annotated[Here, Depends(here)]


def visitor(request: Request, at: HereNow) -> Visitor:
    """By the cookie alone. Raises SignedOut."""
    text = request.cookies.get(COOKIE, "")
    try:
        return Visitor(at.credentials.authenticate(text), csrf_token(text))
    except Unauthenticated as error:
        raise SignedOut("") from error


VisitorNow = Annotated[Visitor, Depends(visitor)]


async def posted(request: Request, who: VisitorNow) -> Form:
    """What a form sent. Raises Forbidden without the token of the session: then another site sent it."""
    form = await form_of(request)
    require_csrf(form.text("csrf"), who)
    return form


def require_csrf(given: str, who: Visitor) -> None:
    """Raises Forbidden."""
    if not compare_digest(given.encode(), who.csrf.encode()):
        raise Forbidden(english()("errors.foreign_form"), hint=english()("errors.foreign_form_hint"))


Posted = Annotated[Form, Depends(posted)]
