"""Every link goes somewhere: of pages and READMEs, of templates, of what the code says, and of answers to the site."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from docsite.errors import errors_page
from docsite.links import ELSEWHERE, file_of, links, prose
from docsite.made import PAGES as MADE
from docsite.made.api import DESCRIPTION
from docsite.plain import page_addresses
from docsite.sources import DOCS, ROOT
from quartzdb.api.problems_page import problem_types, problems_page
from tests.docs.examples import markdown_files
from tests.docs.headings import anchors

_HOST = re.compile(r"(localhost|127\.0\.0\.1|([a-z0-9-]+\.)+[a-z]{2,})(:\d+)?")
_HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
_BY_NAME = re.compile(r"^ {0,3}\[[^\]^]+\]:\s+<?(\S+?)>?(?:\s|$)", re.MULTILINE)
_ANGLED = re.compile(r"<(https?://[^>\s]+)>")
_OF_CODE = re.compile(r"(?<![\w./-])docs/((?:[\w-]+/)*[\w.-]+\.md)(#[\w-]+)?")
_SOURCES = (
    "*.py",
    "*.js",
    "*.ts",
    "*.rs",
    "*.toml",
    "*.yml",
    "*.yaml",
    "*.html",
    "*.in",
    "Makefile",
    ".ci/*",
)
_REFUSED_ELSEWHERE = {
    "layers/platform/python/quartzdb_platform/api": r"(?:problem|_refused)\(\s*\d+,\s*\"(\w+)\"",
    "layers/quartzdb/python/quartzdb/routing/edge": r"refusal\(\s*\d+,\s*\"(\w+)\"",
    "cloudflare/src": r"(?:new Refusal\(\s*\d+,|invalid\()\s*\"(\w+)\"",
}
"""Where codes of problems are written down beside the classes of errors, and how."""


@cache
def anchors_of(file: Path) -> set[str]:
    """Of a file, or of a page that is made when the site is built."""
    name = str(file.relative_to(DOCS)) if file.is_relative_to(DOCS) else ""
    return anchors(MADE[name]() if name in MADE else file.read_text("utf-8"))


def targets(text: str) -> Iterator[str]:
    """All that a text links to, in each way that Markdown has."""
    yield from (one.target for one in links(text))
    outside = "".join(re.sub(r"`[^`\n]*`", " ", piece) for is_prose, piece in prose(text) if is_prose)
    for pattern in (_HTML, _BY_NAME, _ANGLED):
        yield from pattern.findall(outside)


def wrong(text: str, page: Path) -> list[str]:
    """Targets of a page's text that are nowhere, or no address."""
    return [target for target in targets(text) if not _is_good(target, page)]


def _is_good(target: str, page: Path) -> bool:
    if ELSEWHERE.match(target):
        parts = urlsplit(target)
        well_formed = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc) is not None
        return parts.scheme == "mailto" or well_formed
    file, anchor = file_of(target, page)
    made = file.is_relative_to(DOCS) and str(file.relative_to(DOCS)) in MADE
    if not made and not file.exists():
        return False
    return not anchor or file.suffix != ".md" or anchor in anchors_of(file)


@pytest.mark.parametrize("file", markdown_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_links_go_somewhere(file: Path) -> None:
    """To a file of the repository, at a heading that it has, or to a well-formed address elsewhere."""
    assert wrong(file.read_text("utf-8"), file) == []


def test_links_of_made_pages_go_somewhere() -> None:
    """Of those that are written when the site is built, too."""
    for name, page in MADE.items():
        assert [one for one in wrong(page(), DOCS / name) if one != Path(DESCRIPTION).name] == [], name


def test_links_of_templates_go_somewhere() -> None:
    """Forms for issues are shown below issues/: what they link to inside is the host's own, and nothing else."""
    folder = ROOT / ".github/ISSUE_TEMPLATE"
    files = sorted(folder.glob("*.yml"))
    assert files
    for file in files:
        text = yaml.safe_dump(yaml.safe_load(file.read_text("utf-8")), width=10_000, allow_unicode=True)
        for target in targets(text):
            assert ELSEWHERE.match(target) or target == "../security/advisories/new", f"{file.name}: {target}"


def _said_in_code(text: str) -> Iterator[tuple[str, str]]:
    for path, anchor in _OF_CODE.findall(text):
        yield path, anchor.removeprefix("#")


def test_pages_that_the_code_names_are_there() -> None:
    """In comments, messages and alarms; with the section that they name."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *_SOURCES], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    named = 0
    for name in filter(None, listed):
        if name.startswith("tests/") or not (ROOT / name).is_file():
            continue
        for path, anchor in _said_in_code((ROOT / name).read_text("utf-8", "replace")):
            named += 1
            assert (DOCS / path).is_file() or path in MADE, f"{name} names docs/{path}"
            assert not anchor or anchor in anchors_of(DOCS / path), f"{name} names docs/{path}#{anchor}"
    assert named > 60


def codes() -> set[str]:
    """Every code that a problem document may have, wherever it is made: its `type` is /docs/problems#CODE."""
    found = {kind.code for kind in problem_types()}
    for folder, pattern in _REFUSED_ELSEWHERE.items():
        here = set()
        for file in (ROOT / folder).rglob("*.[pj][ys]"):
            for groups in re.finditer(pattern, file.read_text("utf-8")):
                here |= {one for one in groups.groups() if one}
        assert here, f"{folder} refuses nothing: is it written otherwise now?"
        found |= here
    return found


def test_the_type_of_a_problem_leads_to_what_explains_it() -> None:
    """On the page of errors, which /docs/problems leads to, and in the page that a server has without the site."""
    explained = anchors(errors_page())
    assert codes() - explained == set()
    assert {kind.code for kind in problem_types()} <= set(
        re.findall(r'id="(\w+)"', problems_page().html.decode())
    )
    assert "reference/errors/" in page_addresses()


def test_what_the_platform_refuses_is_explained() -> None:
    """Its API answers every error of its own with such a type."""
    from quartzdb_platform.domain import errors

    own = {one.code for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "code")}
    assert own - anchors(errors_page()) == set()
    assert "step_up_required" in own


def test_addresses_of_the_site_in_scripts_and_templates_are_pages() -> None:
    """Of the console, of the database's own pages and of the site's scripts."""
    known = {"/docs", "/docs/problems", *(f"/docs/{one}" for one in page_addresses())}
    folders = (
        "layers/platform/python/quartzdb_platform/console",
        "layers/quartzdb/python/quartzdb/api",
        "docsite/static",
    )
    seen = 0
    for folder in folders:
        for file in (ROOT / folder).rglob("*"):
            if file.suffix not in (".html", ".js", ".py", ".toml") or "vendor" in file.parts:
                continue
            for address in re.findall(
                r"[\"'`](/docs(?:/[\w./-]*)?)(?:#[\w-]*)?[\"'`]", file.read_text("utf-8")
            ):
                seen += 1
                assert address in known, f"{file.relative_to(ROOT)}: {address}"
    assert seen >= 3


@pytest.mark.parametrize(
    "text",
    [
        "[a](nothing.md)",
        "[a](queries.md#nothing)",
        "[a](#nothing)",
        "[a](reference/numbers.md#nothing)",
        "[a](reference/errors.md#no_code)",
        "[a](../CHANGELOG.md#nothing)",
        "[a](adr/0067-tested-pages.md#nothing)",
        "[a](../clients/python/README.md#nothing)",
        "![a](diagrams/nothing.svg)",
        '<a href="nothing.md">a</a>',
        "[a][b]\n\n[b]: nothing.md",
        "[a](https://nohost)",
        "<https://nohost>",
        "[a](ftp://example.com/)",
    ],
)
def test_a_wrong_link_is_found(text: str) -> None:
    """Of each kind."""
    assert len(wrong(f"# A\n\n{text}\n", DOCS / "index.md")) == 1


def test_a_right_link_is_none() -> None:
    """Nor is what stands in code."""
    text = (
        "# A\n\n[a](queries.md#pages) [b](#a) [c](reference/errors.md#dimension_mismatch) [d](mailto:a@example.com)\n"
        "`[e](nothing.md)`\n\n```text\n[f]: nothing.md\n```\n"
    )
    assert wrong(text, DOCS / "index.md") == [
        "#a"
    ]  # of the text given, not of the file: index.md has no such heading
    assert list(_said_in_code('"See docs/runbook.md#alarms, docs/x/y.md."')) == [
        ("runbook.md", "alarms"), ("x/y.md", ""),
    ]  # fmt: skip
