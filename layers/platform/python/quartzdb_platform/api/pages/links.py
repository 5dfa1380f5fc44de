"""The page that the links in mails lead to. It is one file and one script, and nothing in it comes from elsewhere.

What is secret in a link is in its fragment, which browsers send to nobody: the script sends it, when asked to.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

_STATIC = Path(__file__).parent / "static"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

router = APIRouter(include_in_schema=False)


@router.get("/platform/sign-in")
@router.get("/platform/invitation")
def link_page() -> FileResponse:
    """Finish what a mail's link began."""
    return FileResponse(_STATIC / "link.html", media_type="text/html; charset=utf-8", headers=_HEADERS)


@router.get("/platform/static/link.js")
def link_script() -> FileResponse:
    """Its script."""
    return FileResponse(_STATIC / "link.js", media_type="text/javascript; charset=utf-8")


@router.get("/platform/static/link.css")
def link_style() -> FileResponse:
    """Its style."""
    return FileResponse(_STATIC / "link.css", media_type="text/css; charset=utf-8")
