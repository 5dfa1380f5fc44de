"""The documentation at /docs of a server on this machine: the site where it is installed, else the page of the API.

Files alone: it knows nothing of the database, and what is not below /docs goes to the application.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from quartzdb.cli.serve.additions import Application
from quartzdb.cli.serve.pieces import in_pieces
from quartzdb.domain.values import dataclass

MOUNT = "/docs"
PROBLEMS = f"{MOUNT}/problems"
"""Where the `type` of a problem leads: to the site's page of errors, if there is one, or the application's."""
_ERRORS = "reference/errors"
INSTALLED = Path(sys.prefix) / "share/quartzdb/docs"
"""Where `make docs` puts it, or a packager."""
REFERENCE = Path(__file__).parent / "reference/shown"
"""What the page of the API loads. No function has it: it is below `cli`, which layers leave out."""

TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".sql": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
}
_COMPRESSED = frozenset(TYPES) - {".png"}
_OF_PAGES = "frame-ancestors 'none'"
"""The rest of a page's policy is in the page."""
_OF_FILES = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_GZIP_FROM_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""


class WithSite:
    """An application with the site in `folder` before it, which may have a page for paths that it lacks.

    `first`: makes the first page, where the folder has none.
    """

    def __init__(
        self, application: Application, folder: Path, first: Callable[[], bytes] | None = None
    ) -> None:
        self._application = application
        self._folder = folder.resolve()
        self._first = first

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Answer GET and HEAD below /docs; pass everything else on."""
        path = scope.get("path", "")
        mine = path.startswith(MOUNT) and (path == MOUNT or path.startswith(f"{MOUNT}/"))
        if not mine or scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._application(scope, receive, send)
            return
        send = in_pieces(send)
        headers = {name.lower(): value for name, value in scope["headers"]}
        zipped = b"gzip" in headers.get(b"accept-encoding", b"")
        answer = await asyncio.to_thread(self._answer, path, zipped)
        if answer is None:
            await self._application(scope, receive, send)
            return
        if answer.status == 200 and headers.get(b"if-none-match") == dict(answer.headers)[b"etag"]:
            answer = _Answer(304, answer.headers)
        length = () if answer.status == 304 else ((b"content-length", str(len(answer.body)).encode()),)
        start = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*answer.headers, *length],
        }
        await send(start)
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str, zipped: bool) -> _Answer | None:
        if path == MOUNT:
            return _redirect(f"{MOUNT}/")
        if path == PROBLEMS:
            return _redirect(f"{MOUNT}/{_ERRORS}/") if (self._folder / _ERRORS).is_dir() else None
        if path == f"{MOUNT}/" and self._first is not None:
            return _answer_of(".html", *_sent(self._first(), zipped))
        file = self._file(path.removeprefix(f"{MOUNT}/"))
        if file is None:
            nothing = self._folder / "404.html"
            return _read(nothing, zipped, status=404) if nothing.is_file() else None
        if file.is_dir():
            if not path.endswith("/"):
                return _redirect(f"{path}/")
            return _read(file / "index.html", zipped)
        return _read(file, zipped)

    def _file(self, name: str) -> Path | None:
        """A file of the site, or a folder with a page; None for anything else, which nothing can lead out of."""
        if "\0" in name or "\\" in name:
            return None
        file = (self._folder / name).resolve()
        if not file.is_relative_to(self._folder):
            return None
        if file.is_dir():
            return file if (file / "index.html").is_file() else None
        return file if file.is_file() and file.suffix in TYPES and not name.endswith("/") else None


def with_site(application: Application, folder: Path = INSTALLED) -> Application:
    """With the site where it is installed, and else with the page of the API."""
    if (folder / "index.html").is_file():
        return WithSite(application, folder)
    return WithSite(application, REFERENCE, _reference)


@lru_cache(maxsize=1)
def _reference() -> bytes:
    """The page of the API, made when somebody asks for it: a third of a second."""
    from quartzdb import __version__
    from quartzdb.api.openapi import describe
    from quartzdb.api.routes import FAMILIES
    from quartzdb.cli.serve.reference.one_page import page

    return page(describe(FAMILIES, title="QuartzDB", version=__version__))


def _redirect(to: str) -> _Answer:
    return _Answer(307, ((b"location", to.encode("ascii", "ignore")), (b"cache-control", b"no-cache")))


def _read(file: Path, zipped: bool, *, status: int = 200) -> _Answer:
    changed = file.stat().st_mtime_ns
    body, etag = _contents(file, changed, zipped and file.suffix in _COMPRESSED)
    return _answer_of(file.suffix, body, etag, status=status)


def _answer_of(suffix: str, body: bytes, etag: bytes, *, status: int = 200) -> _Answer:
    headers = [
        (b"content-type", TYPES[suffix].encode()),
        (b"content-security-policy", (_OF_PAGES if suffix == ".html" else _OF_FILES).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-cache"),
        (b"vary", b"accept-encoding"),
        (b"etag", etag),
    ]
    if etag.endswith(b'z"'):
        headers.append((b"content-encoding", b"gzip"))
    return _Answer(status, tuple(headers), body)


@lru_cache(maxsize=64)
def _contents(file: Path, changed: int, zipped: bool) -> tuple[bytes, bytes]:  # noqa: ARG001 - of the key
    """What is sent of a file as it is since `changed`, and its tag."""
    return _sent(file.read_bytes(), zipped)


def _sent(body: bytes, zipped: bool) -> tuple[bytes, bytes]:
    """A body with its tag; compressed if that is of use."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    if zipped and len(body) >= _GZIP_FROM_BYTES:
        return gzip.compress(body, 6, mtime=0), f'"{digest}z"'.encode()
    return body, f'"{digest}"'.encode()
