"""The pages: where the links in mails lead, and passkeys. Each is one file and one script, all of them from here.

What is secret in a link is in its fragment, which browsers send to nobody: the script sends it, when asked to.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from quartzdb.domain.errors import NotFound

_STATIC = Path(__file__).parent / "static"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
_FILES = frozenset(file.name for file in _STATIC.iterdir())

router = APIRouter(include_in_schema=False)


@router.get("/platform/sign-in")
@router.get("/platform/invitation")
@router.get("/platform/waitlist")
def link_page() -> FileResponse:
    """Finish what a mail's link began."""
    return _page("link.html")


@router.get("/platform/passkeys")
def passkeys_page() -> FileResponse:
    """Sign in with a passkey, and look after one's own."""
    return _page("passkeys.html")


@router.get("/platform/static/{name}")
def static_file(name: str) -> FileResponse:
    """A script or a style of them. Raises NotFound."""
    kind = _TYPES.get(name.rpartition(".")[2])
    if kind is None or name not in _FILES:
        raise NotFound(f"There is no file {name[:80]!r}.")
    return FileResponse(_STATIC / name, media_type=kind)


def _page(name: str) -> FileResponse:
    return FileResponse(_STATIC / name, media_type="text/html; charset=utf-8", headers=_HEADERS)
