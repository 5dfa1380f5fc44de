"""The platform's settings: one TOML file. What is not said there has a value that suits one machine.

Secrets do not stand in it: it names files that have them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.domain.mail_settings import MailSettings, SmtpSecurity
from quartzdb_platform.domain.passkey import RelyingParty
from quartzdb_platform.domain.provider import PROVIDER_NAME, ProviderSettings
from quartzdb_platform.domain.regions import NO_REGIONS, Regions
from quartzdb_platform.domain.session_limits import HOUR_MS, SessionLimits

Choice = TypeVar("Choice", bound=StrEnum)
GITHUB_ISSUER = "https://github.com"
ENVIRONMENT = "QUARTZDB_PLATFORM_SETTINGS"
"""The environment variable that names the file."""


class SignUp(StrEnum):
    """Who may have an account made."""

    OPEN = "open"
    INVITATION = "invitation"


@dataclass(frozen=True, slots=True)
class Settings:
    """`public_url`: where browsers reach database and platform, without a path. `regions`: where an organization's data
    can be kept to, this deployment's own first.
    """

    public_url: str
    relying_party: RelyingParty
    providers: tuple[ProviderSettings, ...] = ()
    mail: MailSettings = field(default_factory=MailSettings)
    sign_up: SignUp = SignUp.OPEN
    sessions: SessionLimits = field(default_factory=SessionLimits)
    regions: Regions = NO_REGIONS


def read_settings(file: Path | None, url: str) -> Settings:
    """The settings of a file, or those without one, for a server at `url`. Raises InvalidArgument."""
    if file is None:
        return settings_of({}, url)
    try:
        return settings_of(tomllib.loads(file.read_text("utf-8")), url)
    except OSError as error:
        raise InvalidArgument(f"The settings {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InvalidArgument(f"The settings {file} are no TOML: {error}.") from error


def settings_of(document: Mapping[str, Any], url: str) -> Settings:
    """Raises InvalidArgument, also for a name that is not known: a setting that nobody reads protects nobody."""
    top = _Table("", document)
    public_url = checked_origin(top.text("public_url", _named(url)), "public_url")
    passkeys = top.table("passkeys")
    party = RelyingParty(
        passkeys.text("rp_id", _host(public_url)),
        tuple(
            checked_origin(origin, "passkeys.origins") for origin in passkeys.texts("origins", [public_url])
        ),
        passkeys.text("rp_name", "QuartzDB"),
    )
    for origin in party.origins:
        host = _host(origin)
        if host != party.id and not host.endswith(f".{party.id}"):
            raise InvalidArgument(
                f"passkeys.rp_id is {party.id!r}, which the origin {origin} is not part of.",
                hint="It is the host of every origin, or a domain that all of them are in.",
            )
    providers = tuple(_provider(table) for table in top.tables("providers"))
    if len({one.name for one in providers}) < len(providers):
        raise InvalidArgument(
            "Two providers have one name.", hint="Each [[providers]] needs a name of its own."
        )
    mail = _mail(top.table("mail"))
    sign_up = top.one_of("sign_up", SignUp.OPEN)
    sessions = _sessions(top.table("sessions"))
    regions = Regions(tuple(top.texts("regions", [])))
    top.close(passkeys)
    return Settings(public_url, party, providers, mail, sign_up, sessions, regions)


def _sessions(table: _Table) -> SessionLimits:
    """Raises InvalidArgument."""
    usual = SessionLimits()
    found = SessionLimits(
        table.number("lasts_hours", usual.lasts_ms // HOUR_MS, 1, 90 * 24) * HOUR_MS,
        table.number("idle_minutes", usual.idle_ms // 60_000, 5, 90 * 24 * 60) * 60_000,
    )
    table.close()
    return found


def _mail(table: _Table) -> MailSettings:
    """Raises InvalidArgument."""
    usual = MailSettings()
    found = MailSettings(
        by=table.one_of("by", usual.by),
        sender=table.text("sender", usual.sender),
        host=table.text("host", usual.host),
        port=table.number("port", usual.port, 1, 65_535),
        security=table.one_of("security", usual.security),
        username=table.text("username", "") or None,
        password_file=table.text("password_file", "") or None,
        configuration_set=table.text("configuration_set", "") or None,
        region=table.text("region", "") or None,
    )
    table.close()
    if "\n" in found.sender or "@" not in parseaddr(found.sender)[1]:
        raise InvalidArgument(
            f"mail.sender is {found.sender[:100]!r}: it looks like Name <name@example.com>."
        )
    if found.security is SmtpSecurity.NONE and found.host not in {"localhost", "127.0.0.1", "::1"}:
        raise InvalidArgument(
            f"mail.security is none, and {found.host} is not this machine.", hint="Use starttls or tls."
        )
    if (found.username is None) != (found.password_file is None):
        raise InvalidArgument("mail.username and mail.password_file are given together, or neither is.")
    return found


def _provider(table: _Table) -> ProviderSettings:
    """Raises InvalidArgument."""
    name = table.text("name")
    if PROVIDER_NAME.fullmatch(name) is None:
        raise InvalidArgument(f"providers.name is {name[:40]!r}: use lower-case letters, digits and dashes.")
    found = ProviderSettings(
        name,
        table.text("title", name.capitalize()),
        table.text("issuer", GITHUB_ISSUER if name == "github" else None),
        table.text("client_id"),
        table.text("client_secret_file", "") or None,
        table.text("client_secret_arn", "") or None,
        tuple(domain.lower() for domain in table.texts("domains", [])),
        table.yes("private_network"),
    )
    if found.client_secret_file and found.client_secret_arn:
        raise InvalidArgument(f"The provider {name} has two client secrets.", hint="Leave one out.")
    table.close()
    return found


def checked_origin(text: str, name: str) -> str:
    """A scheme, a host and perhaps a port. Plain HTTP reaches nothing but this machine. Raises InvalidArgument."""
    parts = urlsplit(text)
    here = parts.hostname == "localhost" or (parts.hostname or "").endswith(".localhost")
    secure = parts.scheme == "https" or (parts.scheme == "http" and here)
    if not secure or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise InvalidArgument(
            f"{name} has {text[:200]!r}, which is no origin that is safe.",
            hint="It looks like https://console.example.com, without a path; plain HTTP is for localhost alone.",
        )
    return text


def _named(url: str) -> str:
    """An address of this machine by its name, because passkeys are of a domain and never of an IP address."""
    parts = urlsplit(url)
    try:
        ip_address(parts.hostname or "")
    except ValueError:
        return url
    return f"http://localhost:{parts.port}" if parts.port else "http://localhost"


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or ""


class _Table:
    """A table of the file, which knows what was asked of it."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self._name = name
        self._values = values
        self._asked: set[str] = set()

    def text(self, name: str, default: str | None = None) -> str:
        """A string, which is not empty where it stands there; without a default it has to."""
        value = self._value(name, default)
        if not isinstance(value, str) or (not value and name in self._values):
            raise self._wrong(name, "a string")
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._value(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, f"a number from {least} to {most}")
        return value

    def one_of(self, name: str, default: Choice) -> Choice:
        """One of the words of an enumeration."""
        try:
            return type(default)(self._value(name, default))
        except ValueError as error:
            raise self._wrong(name, f"one of {', '.join(type(default))}") from error

    def yes(self, name: str) -> bool:
        """Whether it says so."""
        value = self._value(name, False)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def texts(self, name: str, default: list[str]) -> list[str]:
        """Strings."""
        value = self._value(name, default)
        if not isinstance(value, list) or (not value and name in self._values):
            raise self._wrong(name, "a list of strings")
        if not all(isinstance(one, str) for one in value):
            raise self._wrong(name, "a list of strings")
        return value

    def table(self, name: str) -> _Table:
        """A table in this one."""
        value = self._value(name, {})
        if not isinstance(value, dict):
            raise self._wrong(name, "a table")
        return _Table(f"{self._name}{name}.", value)

    def tables(self, name: str) -> list[_Table]:
        """Tables in this one, [[like this]]."""
        value = self._value(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._wrong(name, "a list of tables")
        return [_Table(f"{self._name}{name}.", one) for one in value]

    def close(self, *inner: _Table) -> None:
        """Raises InvalidArgument where something is in it that nobody asked for."""
        for table in (self, *inner):
            for name in table._values:
                if name not in table._asked:
                    known = ", ".join(sorted(table._asked))
                    raise InvalidArgument(
                        f"There is no setting {table._name}{name}.", hint=f"There are: {known}."
                    )

    def _value(self, name: str, default: Any) -> Any:
        self._asked.add(name)
        return self._values.get(name, default)

    def _wrong(self, name: str, wanted: str) -> InvalidArgument:
        return InvalidArgument(f"The setting {self._name}{name} has to be {wanted}.")
