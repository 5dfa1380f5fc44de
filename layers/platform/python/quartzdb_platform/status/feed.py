"""Incidents and switches as an Atom feed (RFC 4287): what a reader of feeds, or a chat, follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple
from xml.etree import ElementTree

from quartzdb_platform.domain.availability import Incident, Switched
from quartzdb_platform.domain.times import rfc3339
from quartzdb_platform.status.report import Report

ENTRIES_MAX = 50
_ATOM = "http://www.w3.org/2005/Atom"
ElementTree.register_namespace("", _ATOM)


class _Entry(NamedTuple):
    name: str
    title: str
    published_ms: int
    updated_ms: int
    text: str


def atom(report: Report, page_url: str, feed_url: str, words: Mapping[str, str]) -> bytes:
    """The feed. `words`: `title`, `switch` with {origin}, `closed` and `open`. Ids are made of the page's address and
    of what an entry is about, so that a reader knows one again.
    """
    entries = sorted(_entries(report, words), key=attrgetter("updated_ms"), reverse=True)[:ENTRIES_MAX]
    feed = ElementTree.Element(f"{{{_ATOM}}}feed")
    _text(feed, "id", page_url)
    _text(feed, "title", words["title"])
    _text(feed, "updated", rfc3339(max([one.updated_ms for one in entries], default=0)))
    ElementTree.SubElement(
        feed, f"{{{_ATOM}}}link", {"rel": "self", "type": "application/atom+xml", "href": feed_url}
    )
    ElementTree.SubElement(
        feed, f"{{{_ATOM}}}link", {"rel": "alternate", "type": "text/html", "href": page_url}
    )
    author = ElementTree.SubElement(feed, f"{{{_ATOM}}}author")
    _text(author, "name", words["title"])
    for one in entries:
        entry = ElementTree.SubElement(feed, f"{{{_ATOM}}}entry")
        _text(entry, "id", f"{page_url}#{one.name}")
        _text(entry, "title", one.title)
        _text(entry, "published", rfc3339(one.published_ms))
        _text(entry, "updated", rfc3339(one.updated_ms))
        ElementTree.SubElement(
            entry, f"{{{_ATOM}}}link", {"rel": "alternate", "href": f"{page_url}#{one.name}"}
        )
        _text(entry, "content", one.text)
    return bytes(ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True))


def _entries(report: Report, words: Mapping[str, str]) -> Iterator[_Entry]:
    for incident in report.incidents or ():
        yield _incident(incident, words)
    for switch in report.observed.switches if report.observed is not None else ():
        yield _switch(switch, words)


def _incident(incident: Incident, words: Mapping[str, str]) -> _Entry:
    state = words["open" if incident.closed_at_ms is None else "closed"]
    text = "\n".join(f"{rfc3339(note.at_ms)} {note.text}" for note in reversed(incident.notes))
    title = f"{incident.title} ({state})"
    return _Entry(incident.id, title, incident.opened_at_ms, incident.changed_at_ms, text)


def _switch(switch: Switched, words: Mapping[str, str]) -> _Entry:
    title = words["switch"].format(origin=switch.active)
    return _Entry(f"switch-{switch.at_ms}", title, switch.at_ms, switch.at_ms, switch.reason or title)


def _text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}").text = text
