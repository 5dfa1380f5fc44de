"""The platform's settings: what the page says, what is refused, and what holds without any."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.settings import read_settings, settings_of
from tests.platform.test_pages import PAGE

HERE = "http://127.0.0.1:8787"


def example() -> dict[str, Any]:
    section = PAGE.read_text("utf-8").partition("## Settings")[2]
    return tomllib.loads(section.partition("```toml\n")[2].partition("```")[0])


def known(document: dict[str, Any]) -> set[str]:
    with pytest.raises(InvalidArgument) as refused:
        settings_of(document, HERE)
    return set(re.findall(r"\w+", (refused.value.hint or "").removeprefix("There are: ")))


def test_the_page_has_every_setting_and_no_other() -> None:
    """Its example is read as it stands, and each line of it matters."""
    document = example()
    settings_of(document, HERE)
    assert known({"unknown": 1}) == set(document)
    for name, table in document.items():
        if isinstance(table, dict):
            assert known({name: {"unknown": 1}}) == set(table), name
        if isinstance(table, list) and isinstance(table[0], dict):
            assert known({name: [{**table[0], "unknown": 1}]}) == {key for one in table for key in one}, name
    for name, value in document.items():
        rest = {key: other for key, other in document.items() if key != name}
        assert settings_of({name: value}, HERE) != settings_of({}, HERE), name
        settings_of(rest, HERE)


def test_without_a_file_it_is_this_machine_by_its_name() -> None:
    """Passkeys are of a domain, and `localhost` is one where 127.0.0.1 is none."""
    settings = read_settings(None, HERE)
    assert settings.public_url == "http://localhost:8787"
    assert (settings.relying_party.id, settings.relying_party.origins) == (
        "localhost",
        (settings.public_url,),
    )


@pytest.mark.parametrize(
    "document",
    [
        {"public_url": "http://console.example.com"},
        {"public_url": "https://console.example.com/"},
        {"public_url": "https://me@console.example.com"},
        {"public_url": ""},
        {"public_url": 1},
        {"passkeys": "no"},
        {"passkeys": {"origins": []}},
        {"passkeys": {"origins": "https://a.example.com"}},
        {"passkeys": {"rp_id": "example.org", "origins": ["https://example.com"]}},
        {"passkeys": {"rp_id": "ample.com", "origins": ["https://example.com"]}},
        {"pass_keys": {}},
        {"sign_up": "closed"},
        {"sessions": {"lasts_hours": 0}},
        {"sessions": {"idle_minutes": 1}},
        {"mail": {"by": "pigeon"}},
        {"mail": {"sender": "nobody"}},
        {"mail": {"sender": "A <a@example.com>\nBcc: b@example.com"}},
        {"mail": {"port": 0}},
        {"mail": {"port": True}},
        {"mail": {"host": "mail.example.com", "security": "none"}},
        {"mail": {"username": "me"}},
        {"providers": {}},
        {"providers": [{}]},
        {"providers": [{"name": "A b", "issuer": "https://a.example", "client_id": "c"}]},
        {"providers": [{"name": "a", "client_id": "c"}]},
        {"providers": [{"name": "a", "issuer": "https://a.example"}]},
        {"providers": [{"name": "a", "issuer": "https://a.example", "client_id": "c"}] * 2},
        {
            "providers": [
                {"name": "github", "client_id": "c", "client_secret_file": "f", "client_secret_arn": "a"}
            ]
        },
        {"providers": [{"name": "github", "client_id": "c", "private_network": "yes"}]},
    ],
)
def test_what_would_not_work_is_refused(document: dict[str, Any]) -> None:
    """Before anything is served, in words that name it."""
    with pytest.raises(InvalidArgument):
        settings_of(document, HERE)


def test_a_file_that_is_not_there_or_no_toml_is_named(tmp_path: Path) -> None:
    """Both say which one."""
    with pytest.raises(InvalidArgument, match=r"absent\.toml"):
        read_settings(tmp_path / "absent.toml", HERE)
    file = tmp_path / "bad.toml"
    file.write_text("x =", "utf-8")
    with pytest.raises(InvalidArgument, match=r"bad\.toml"):
        read_settings(file, HERE)
