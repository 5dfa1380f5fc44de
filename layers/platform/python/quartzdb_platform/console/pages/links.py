"""Where the links in mails lead.

What is secret in one is in its fragment, which browsers send to nobody: a script sends it, when it is asked to.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from quartzdb_platform.console import page

router = APIRouter()


@router.get("/sign-in")
@router.get("/invitation")
@router.get("/waitlist")
def show_link(request: Request) -> Response:
    """Finish what a mail's link began, or ask for a place on the waiting list."""
    return page.render(request, "link.html", {})


@router.get("/passkeys")
def show_passkeys() -> Response:
    """Where passkeys were, and older mails lead."""
    return page.go_to("/account")
