"""The hosted pages: what Stripe shows to customers, as plain forms without scripts. They say that they are not
Stripe's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from local.stripe import checkout_page, invoice_page, portal_page
from local.stripe.errors import Refused
from local.stripe.page_form import Form, Page
from local.stripe.world import World

_TEMPLATES = Path(__file__).with_name("templates")
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_STYLES = (_TEMPLATES / "page.css").read_bytes()
_NOT_THERE = Page(
    "message.html", {"heading": "Not found", "text": "There is no such page.", "link": None}, 404
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; frame-ancestors 'none'; "
    "base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer to a browser."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def show(world: World, method: str, path: str, body: bytes) -> Shown | None:
    """None where no page begins like this. A POST that is refused shows the page again, and changed nothing."""
    if path == "/_local/page.css":
        return Shown(200, _STYLES, {"Content-Type": "text/css; charset=utf-8"})
    for start, page in (
        ("/c/pay/", checkout_page),
        ("/p/session/", portal_page),
        ("/i/", invoice_page),
    ):
        if path.startswith(start) and method in {"GET", "POST"}:
            identity = path.removeprefix(start)
            form = Form(dict(parse_qsl(body.decode(), keep_blank_values=True))) if method == "POST" else None
            return _rendered(world, _answer(world, page, identity, form))
    return None


def _answer(world: World, page: Any, identity: str, form: Form | None) -> Page:
    if form is None:
        with world.store.transaction():
            found: Page | None = page.get(world, identity, Form({}))
        return found or _NOT_THERE
    refused = None
    try:
        with world.store.transaction():
            try:
                done: Page | None = page.post(world, identity, form)
            except Refused as tried:
                if not tried.happened:
                    raise
                refused, done = tried, None
    except Refused as nothing_done:
        refused, done = nothing_done, None
    if refused is None:
        return done or _NOT_THERE
    with world.store.transaction():
        again: Page | None = page.get(world, identity, form)
    if again is None:
        return _NOT_THERE
    return Page(again.template, {**again.values, "error": refused.message}, refused.status)


def _rendered(world: World, page: Page) -> Shown:
    if page.location is not None:
        return Shown(303, b"", {"Location": page.location, **_HEADERS})
    if page.text is not None:
        return Shown(200, page.text.encode(), {"Content-Type": "text/plain; charset=utf-8", **_HEADERS})
    values = {"account": world.settings.account_name, "error": None, "notice": None, **page.values}
    html = _ENVIRONMENT.get_template(page.template).render(values)
    return Shown(page.status, html.encode(), {"Content-Type": "text/html; charset=utf-8", **_HEADERS})
