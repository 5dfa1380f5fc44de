"""What those find who report, ask and contribute: forms that can be filled in, and no address that does not exist."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from docsite.links import ELSEWHERE, links
from docsite.sources import ROOT, configuration


def _is_published(folder: Path) -> bool:
    described = folder / "package.json"
    if described.exists():
        return not json.loads(described.read_text("utf-8")).get("private", False)
    return (folder / "pyproject.toml").exists() or (folder / "Cargo.toml").exists()


FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
PACKAGES = sorted(
    path
    for path in [*ROOT.glob("clients/*/README.md"), *ROOT.glob("integrations/*/README.md")]
    if _is_published(path.parent)
)
"""What registries show, where a file of the repository is none."""
_OURS = re.compile(
    r"(github\.com|gitlab\.com|codeberg\.org)/[\w.-]*quartzdb|\bquartzdb\.(dev|io|com|org|cloud|app)\b"
    r"|(pypi\.org/project|npmjs\.com/package|crates\.io/crates|docs\.rs)/[\w@./-]*quartzdb",
    re.IGNORECASE,
)
_ELEMENTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def _texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def assumed(text: str, published: str | None) -> list[str]:
    """Addresses of ours in a text, but those below where mkdocs.yml says that the source is published."""
    if published:
        text = text.replace(published, "")
    return [found[0] for found in _OURS.finditer(text)]


def test_no_file_says_where_the_project_is() -> None:
    """`repo_url` of mkdocs.yml does, once there is such a place; every other file is relative to it."""
    published = configuration().get("repo_url")
    wrong = {}
    for file in _texts():
        if file == Path(__file__):
            continue
        try:
            found = assumed(file.read_text("utf-8"), published)
        except UnicodeDecodeError:
            continue
        if found:
            wrong[str(file.relative_to(ROOT))] = found
    assert wrong == {}


def test_an_assumed_address_is_found() -> None:
    """So that the test above can fail; that of mkdocs.yml is not assumed."""
    text = "see https://github.com/quartzdb/quartzdb/issues and https://docs.quartzdb.dev"
    assert assumed(text, None) == ["github.com/quartzdb", "quartzdb.dev"]
    assert assumed(text, "https://github.com/quartzdb/quartzdb") == ["quartzdb.dev"]
    assert assumed("quartzdb.domain and https://github.com/someone/else", None) == []


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_each_form_can_be_filled_in(form: Path) -> None:
    """As GitHub takes them: named, of elements that there are, each id once, and nothing asked for without a label."""
    said: dict[str, Any] = yaml.safe_load(form.read_text("utf-8"))
    assert said["name"]
    assert said["description"]
    assert all(isinstance(label, str) for label in said["labels"])
    assert {one["type"] for one in said["body"]} <= _ELEMENTS
    ids = [one["id"] for one in said["body"] if one["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 0
    assert all(one["attributes"]["label"] for one in said["body"] if one["type"] != "markdown")
    assert any(one.get("validations", {}).get("required") for one in said["body"])


def test_there_is_no_way_round_the_forms_and_a_private_one_for_holes() -> None:
    """Relative to the page of a new issue, which is where the form stands."""
    config = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/config.yml").read_text("utf-8"))
    assert config == {"blank_issues_enabled": False}
    assert "(../security/advisories/new)" in (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text("utf-8")
    assert "Report a vulnerability" in (ROOT / "SECURITY.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name", [".github/PULL_REQUEST_TEMPLATE.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md"]
)
def test_links_and_commands_of_these_files_are_there(name: str) -> None:
    """Files that they link to or name, and targets of make."""
    file = ROOT / name
    text = file.read_text("utf-8")
    for link in links(text):
        if not ELSEWHERE.match(link.target):
            assert (file.parent / link.target.partition("#")[0]).exists(), link.target
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z][a-z-]*)", text)) <= targets
    if name.startswith(".github"):
        assert (ROOT / "CHANGELOG.md").exists()
        assert (ROOT / "docs/adr").is_dir()


@pytest.mark.parametrize("readme", PACKAGES, ids=lambda path: path.parent.name)
def test_what_a_registry_shows_links_to_no_file_of_the_repository(readme: Path) -> None:
    """It would lead nowhere there, but in what is no package."""
    relative = [link.target for link in links(readme.read_text("utf-8")) if not ELSEWHERE.match(link.target)]
    assert [target for target in relative if not target.startswith("#")] == []
