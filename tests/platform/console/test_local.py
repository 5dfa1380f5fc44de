"""The console of a server with one tenant: in by a link that works once, and everything of it in the data directory."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from quartzdb.api.app import create_app
from quartzdb.cli.main import cli
from quartzdb.domain.errors import Unauthenticated, Unavailable
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.console.local.addition import FILE, LocalConsole, new_link
from quartzdb_platform.console.local.links import LINK_MS, Links
from quartzdb_platform.console.local.requests import RequestCounts, rows
from quartzdb_platform.console.local.visitor import COOKIE
from quartzdb_platform.console.page import HEADERS
from tests.manual_clock import ManualClock
from tests.platform.console.conftest import Person, person_of

URL = "https://localhost:8787"


@dataclass
class Served:
    """A server's application, and what is beside it."""

    http: TestClient
    console: LocalConsole
    database: Database
    data_dir: Path

    def link(self) -> str:
        return new_link(self.console.table, URL).partition("link=")[2]

    def sign_in(self) -> str:
        """By a link; the token that forms have."""
        answer = self.http.post("/console/sign-in", data={"link": self.link()}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/data")
        found = re.search(r'name="csrf" value="(\w+)"', self.http.get("/console/keys").text)
        assert found is not None
        return found[1]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    data_dir = tmp_path / "data"
    database = open_embedded(EmbeddedSettings(data_dir))
    console = LocalConsole(data_dir)
    app = console.around(create_app(database, take_line=console.take), database)
    with TestClient(app, base_url=URL) as http:
        yield Served(http, console, database, data_dir)


def test_a_link_signs_in_once(served: Served) -> None:
    """Opening it is not using it: a button does, so that nothing that looks ahead uses it up."""
    link = served.link()
    for _ in range(2):
        assert "Open the console" in served.http.get(f"/console/sign-in?link={link}").text
    answer = served.http.post("/console/sign-in", data={"link": link}, follow_redirects=False)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=qdb_sess_")
    assert all(part in cookie for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert served.http.get("/console/keys").status_code == 200
    served.http.cookies.clear()
    for used in (link, "0" * 64, ""):
        refused = served.http.post("/console/sign-in", data={"link": used}, follow_redirects=False)
        assert refused.status_code == 401
        assert "quartzdb console-link" in refused.text
        assert "set-cookie" not in refused.headers


def test_a_link_ends_by_itself_and_only_hashes_are_kept(tmp_path: Path) -> None:
    """After an hour; of link and session the file has neither."""
    clock = ManualClock()
    with SqliteDocuments(tmp_path / FILE) as table:
        links = Links(table, clock)
        good, late = links.create(), links.create()
        _, session = links.redeem(good)
        clock.seconds += LINK_MS / 1_000
        with pytest.raises(Unauthenticated):
            links.redeem(late)
        stored = "".join(str(row) for row in table._rows("SELECT pk || sk || body FROM documents", ()))
    assert stored
    for text in (good, late, session, session.removeprefix("qdb_sess_")[:64]):
        assert text not in stored


def test_nobody_else_sees_or_does_anything(served: Served) -> None:
    """Without a session one is asked for; with one, a form of another site is refused."""
    http = served.http
    for path in ("", "/", "/home", "/data", "/data/books", "/data/books/query", "/keys", "/usage", "/health"):
        answer = http.get(f"/console{path}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in"), path
    posts = ("/keys", "/keys/0/revoke", "/browser-keys", "/sign-out")
    for path in posts:
        assert http.post(f"/console{path}", follow_redirects=False).status_code == 303, path
    served.sign_in()
    for path in posts:
        assert http.post(f"/console{path}", data={"csrf": "0" * 64, "name": "x"}).status_code == 403, path
    assert served.database.api_keys.list(served.database.tenant) == []
    assert http.get("/console/keys").status_code == 200


def test_keys_are_made_shown_once_and_revoked(served: Served) -> None:
    """They are the database's; a form that is wrong says so and makes none."""
    csrf = served.sign_in()
    sent = {
        "csrf": csrf,
        "name": "ci",
        "scopes": ["read", "admin"],
        "days": "3",
        "namespaces": "books, films",
    }
    page = served.http.post("/console/keys", data=sent).text
    found = re.search(r"qdb_live_[0-9a-f]{12}_[0-9A-Za-z]{49}", page)
    assert found is not None
    key = {"Authorization": f"Bearer {found[0]}"}
    assert served.http.get("/v1/namespaces", headers=key).status_code == 200
    assert found[0] not in served.http.get("/console/keys").text
    (made,) = served.database.api_keys.list(served.database.tenant)
    assert made.namespaces == frozenset({"books", "films"})
    mistakes: list[dict[str, object]] = [{"scopes": []}, {"days": "soon"}, {"name": ""}]
    for wrong in mistakes:
        refused = served.http.post("/console/keys", data={**sent, **wrong})
        assert refused.status_code == 400
        assert 'role="alert"' in refused.text
    assert len(served.database.api_keys.list(served.database.tenant)) == 1
    served.http.post(f"/console/keys/{made.id}/revoke", data={"csrf": csrf})
    (ended,) = served.database.api_keys.list(served.database.tenant)
    assert ended.revoked_at_ms is not None
    assert "Revoked keys (1)" in served.http.get("/console/keys").text
    assert served.http.post("/console/keys/0/revoke", data={"csrf": csrf}).status_code == 404


def test_a_page_has_a_key_of_its_own(served: Served) -> None:
    """That reads, writes and manages namespaces, is in no list, and manages no keys."""
    csrf = served.sign_in()
    answer = served.http.post("/console/browser-keys", headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    key = {"Authorization": f"Bearer {answer.json()['key']}"}
    made = served.http.post("/v1/namespaces", json={"name": "books", "dimension": 2}, headers=key)
    assert made.status_code == 201
    assert served.http.get("/v1/keys", headers=key).status_code == 403
    assert served.database.api_keys.list(served.database.tenant) == []


def test_pages_are_what_the_policy_allows(served: Served) -> None:
    """The same as the platform's, with errors as pages; what they load is there."""
    served.sign_in()
    for path, status in (
        ("/data", 200),
        ("/data/books", 200),
        ("/data/books/records", 200),
        ("/data/books/query", 200),
        ("/data/books/key-values", 200),
        ("/keys", 200),
        ("/usage", 200),
        ("/health", 200),
        ("/data/no%20name", 404),
        ("/data/books/nothing", 404),
        ("/nothing", 404),
    ):
        answer = served.http.get(f"/console{path}")
        assert answer.status_code == status, path
        assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
        loaded = re.findall(r'(?:src|href)="(/platform/[^"]*)"', answer.text)
        assert loaded
        assert all("/assets/" in one for one in loaded), path
        assert all(served.http.get(one).status_code == 200 for one in loaded[:8]), path
    assert served.http.get("/platform/v1/session").status_code == 404


def test_signing_out_ends_the_session(served: Served) -> None:
    """For whoever has a copy, too."""
    csrf = served.sign_in()
    cookie = served.http.cookies[COOKIE]
    served.http.post("/console/sign-out", data={"csrf": csrf})
    again = {"Cookie": f"{COOKIE}={cookie}"}
    assert served.http.get("/console/keys", headers=again, follow_redirects=False).status_code == 303


def test_requests_are_counted(served: Served) -> None:
    """By day and operation, of all processes, once; what could not be written is kept."""
    served.sign_in()
    for _ in range(3):
        assert served.http.get("/v1/namespaces").status_code == 401
    assert served.console.counts.any()
    served.console.write()
    assert served.console.write() == 0
    (row,) = rows(served.console.table, "2020-01-01")
    assert (row.operation, list(row.counts)) == ("list_namespaces", [3, 3, 0, 0, 0])
    assert "list_namespaces" in served.http.get("/console/usage").text


def counted(at_ms: int, **given: object) -> bytes:
    return json.dumps({"at": at_ms, "op": "query", "status": 200, "read_units": 2, **given}).encode()


def test_processes_add_to_each_other_and_lose_nothing(tmp_path: Path) -> None:
    """Nor does one whose disk takes nothing for a while."""
    clock = ManualClock()
    now = clock.unix_ms()
    with SqliteDocuments(tmp_path / FILE) as table:
        one, other = RequestCounts(clock), RequestCounts(clock)
        one.take(counted(now))
        other.take(counted(now, status=503, read_units=0))
        other.take(counted(now - 3_600_000, op="upsert", write_units=7, read_units=0))
        one.write(table)

        class Full(SqliteDocuments):
            def transact(self, changes: object) -> bool:
                raise Unavailable("The disk is full.")

        with Full(tmp_path / FILE) as full, pytest.raises(Unavailable):
            other.write(full)
        other.take(counted(now))
        other.write(table)
        assert [(row.operation, list(row.counts)) for row in rows(table, "2023-11-01")] == [
            ("query", [3, 0, 1, 4, 0]),
            ("upsert", [1, 0, 0, 0, 7]),
        ]


def test_a_server_without_the_package_imports_nothing_of_it(tmp_path: Path) -> None:
    """And one with it imports no page before somebody asks for one."""
    program = """
import sys, pathlib
from unittest import mock
from quartzdb.cli.serve import additions, command, worker
from quartzdb.cli.serve.peer import PeerOptions
at = pathlib.Path(sys.argv[1])
with mock.patch("quartzdb.cli.serve.additions.entry_points", lambda **_: ()):
    assert additions.additions(at) == []
worker.application(at, PeerOptions(), added=())
other = [name for name in sys.modules if name.startswith(("quartzdb_platform", "fastapi", "jinja2"))]
assert not other, other
found = additions.additions(at)
assert [type(one).__name__ for one in found] == ["LocalConsole"]
worker.application(at, PeerOptions(), added=found)
assert "/console/sign-in?link=" in found[0].greeting("http://here")
other = [name for name in sys.modules if name.startswith(("fastapi", "jinja2", "webauthn", "stripe"))]
assert not other, other
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


# --- a real server


def started(data_dir: Path, *more: str) -> Iterator[tuple[str, str]]:
    """`quartzdb serve` as people start it: all that it says, and where it is."""
    command = [
        sys.executable,
        "-u",
        "-m",
        "quartzdb.cli",
        "serve",
        "--data-dir",
        str(data_dir),
        "--port",
        "0",
    ]
    with subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Stop with"):
                break
        found = re.search(r" at (http://\S+)", said)
        assert found is not None
        yield said, found[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    data_dir = tmp_path_factory.mktemp("local") / "data"
    for said, url in started(data_dir, "--workers", "2"):
        yield said, url, data_dir


def test_plain_is_without_it(tmp_path: Path) -> None:
    """Nothing of it is said or kept."""
    for said, _ in started(tmp_path / "data", "--plain"):
        assert "onsole" not in said
    assert not (tmp_path / "data" / FILE).exists()


@pytest.fixture
def reader(browser: Browser, server: tuple[str, str, Path]) -> Iterator[Callable[[int], Person]]:
    """Somebody who opens a link of `quartzdb console-link`, at a width."""
    people = []

    def one(width: int) -> Person:
        _, url, data_dir = server
        done = CliRunner().invoke(cli, ["console-link", "--data-dir", str(data_dir), "--url", url])
        assert done.exit_code == 0, done.stderr
        person = person_of(browser, {"console_url": f"{url}/platform", "outbox": "."}, "", width)
        people.append(person)
        person.page.goto(done.stdout.strip())
        person.check()
        person.page.click("text=Open the console")
        person.page.wait_for_url("**/console/data")
        return person

    yield one
    for person in people:
        person.context.close()
        assert person.wrong == []


def test_what_the_server_prints_opens_it(
    browser: Browser, server: tuple[str, str, Path], reader: Callable[[int], Person]
) -> None:
    """A namespace is made, looked at and asked; of two processes it is all the same."""
    said, url, _ = server
    link = re.search(r"http://\S+link=\S+", said)
    assert link is not None
    person = person_of(browser, {"console_url": f"{url}/platform", "outbox": "."}, "")
    page = person.page
    page.goto(link[0])
    page.click("text=Open the console")
    page.wait_for_url("**/console/data")
    page.fill("#create [name=name]", "books")
    page.fill("#create [name=dimension]", "3")
    page.click("#create button:has-text('Create')")
    page.wait_for_url("**/console/data/books")
    expect(page.locator("#described")).to_contain_text("3 dimensions")
    person.check()
    page.click("nav.views >> text=Query")
    page.click("#random")
    page.click("#query button:not([type=button]) >> nth=0")
    expect(page.locator("#answer")).to_contain_text("exact", timeout=30_000)
    person.context.close()
    assert person.wrong == []
    narrow = reader(400)
    for path in ("data", "data/books", "data/books/records", "keys", "usage", "health"):
        narrow.page.goto(f"{url}/console/{path}")
        narrow.page.wait_for_load_state("networkidle")
        narrow.check()
        width = narrow.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 400, path
