"""Pages over a project's data: frames, whose scripts ask the database with a key of the page's own.

What a page shows and does is /v1 of the same host, so that everything of it can be done without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from quartzdb.domain.errors import NotFound
from quartzdb.domain.limits import NAMESPACE_NAME_PATTERN
from quartzdb_platform.api.auth import PlatformNow
from quartzdb_platform.console import page
from quartzdb_platform.console.modules import module, needed
from quartzdb_platform.console.visitor import Place, in_project
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.permissions import Permission

router = APIRouter()
_PATH = "/projects/{project_id}/data"
_NAMESPACE = f"{_PATH}/{{namespace}}"
Sees = Annotated[Place, Depends(in_project(Permission.DATA_READ))]


class View(NamedTuple):
    """One of the pages about a namespace: where it is below that, and the name of its words."""

    path: str
    words: str


VIEWS = (
    View("", "data.title"),
    View("/records", "data.records.title"),
    View("/query", "data.query.title"),
    View("/key-values", "data.keyvalues.title"),
    View("/transfer", "data.transfer.title"),
)


class Reach(NamedTuple):
    """What the scripts of a page need. `root` is where the pages over this data begin, `url` the database's address as
    others reach it.
    """

    key_url: str
    api_base: str
    project: str
    role: str
    csrf: str
    may_write: bool
    root: str
    url: str


@router.get(_PATH)
def show_namespaces(request: Request, place: Sees, platform: PlatformNow) -> Response:
    """All namespaces, and a form for another."""
    return _show(request, place, platform, "namespaces")


@router.get(_NAMESPACE)
def show_namespace(request: Request, namespace: str, place: Sees, platform: PlatformNow) -> Response:
    """One of them: its settings, what it holds, and its deletion."""
    return _show(request, place, platform, "namespace", namespace)


@router.get(f"{_NAMESPACE}/records")
def show_records(request: Request, namespace: str, place: Sees, platform: PlatformNow) -> Response:
    """Records by filter and order, one of them, a new one, and the deletion of many."""
    return _show(request, place, platform, "records", namespace)


@router.get(f"{_NAMESPACE}/query")
def show_query(request: Request, namespace: str, place: Sees, platform: PlatformNow) -> Response:
    """The playground."""
    return _show(request, place, platform, "query", namespace)


@router.get(f"{_NAMESPACE}/key-values")
def show_key_values(request: Request, namespace: str, place: Sees, platform: PlatformNow) -> Response:
    """Keys by prefix, one value, and a new one."""
    return _show(request, place, platform, "keyvalues", namespace)


@router.get(f"{_NAMESPACE}/transfer")
def show_transfer(request: Request, namespace: str, place: Sees, platform: PlatformNow) -> Response:
    """Records from a file, and into one."""
    return _show(request, place, platform, "transfer", namespace)


def _show(
    request: Request, place: Place, platform: PlatformNow, name: str, namespace: str | None = None
) -> Response:
    if namespace is not None and not re.fullmatch(NAMESPACE_NAME_PATTERN, namespace):
        raise NotFound(english()("errors.no_page"))
    project = place.here.id
    reach = Reach(
        key_url=f"/platform/v1/projects/{project}/browser-keys",
        api_base="",
        project=project,
        role=place.access.role.value,
        csrf=place.visitor.csrf,
        may_write=place.may(Permission.DATA_WRITE),
        root=f"{page.ROOT}/projects/{project}/data",
        url=platform.onboarding.url,
    )
    values = {"visitor": place.visitor, "place": place, **frame(name, reach, namespace)}
    return page.render(request, f"data_{name}.html", values)


def frame(name: str, reach: Reach, namespace: str | None) -> Mapping[str, object]:
    """What the template of such a page is given, whoever shows it: `data_NAME.html`, whose module is `data/NAME.js`."""
    script = f"data/{name}.js"
    modules = [script, *(one.url for one in needed(script))]
    begin = ("data.common.", *(f"data.{PurePath(one).stem}." for one in modules))
    words = {key: text for key, text in english().texts.items() if key.startswith(begin)}
    return {
        "data_root": reach.root,
        "namespace": namespace,
        "may_write": reach.may_write,
        "views": VIEWS,
        "module": module(script),
        "needed": needed(script),
        "settings": {**reach._asdict(), "namespace": namespace, "words": words},
    }
