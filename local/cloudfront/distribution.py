"""What a distribution is configured with: origins, groups of origins, and which paths go where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class ConfiguredOrigin:
    """One origin as the distribution has it. Seconds may be fractions here, so that a test need not wait whole ones."""

    domain: str
    port: int = 443
    protocol: Literal["http", "https"] = "https"
    path: str = ""
    read_timeout_seconds: float = 30
    keepalive_timeout_seconds: float = 5
    connection_attempts: int = 3
    connection_timeout_seconds: float = 10
    custom_headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def as_event(self) -> dict[str, Any]:
        """As an event has it."""
        return {
            "customHeaders": {
                name.lower(): [{"key": name, "value": value}] for name, value in self.custom_headers.items()
            },
            "domainName": self.domain,
            "keepaliveTimeout": max(1, round(self.keepalive_timeout_seconds)),
            "path": self.path,
            "port": self.port,
            "protocol": self.protocol,
            "readTimeout": max(1, round(self.read_timeout_seconds)),
            "sslProtocols": ["TLSv1.2"],
        }


@dataclass(frozen=True, slots=True)
class OriginGroup:
    """Two origins: the second is asked where the first fails. A path of a group takes GET, HEAD and OPTIONS only."""

    primary: ConfiguredOrigin
    secondary: ConfiguredOrigin
    statuses: frozenset[int] = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Behavior:
    """Requests whose path matches the pattern (`*` and `?`) go to that origin or group."""

    pattern: str
    target: ConfiguredOrigin | OriginGroup


@dataclass(frozen=True, slots=True)
class Distribution:
    """The first behavior that matches decides, or else the default. `include_body`: events have the request's body."""

    default: ConfiguredOrigin | OriginGroup
    behaviors: Sequence[Behavior] = ()
    domain: str = "d111111abcdef8.cloudfront.net"
    id: str = "EDFDVBD6EXAMPLE"
    include_body: bool = True
    read_timeout_seconds_max: float | None = None
    """A cap on what a function asks for: it can say whole seconds only, and a test has less time."""

    def targets(self, path: str, method: str) -> tuple[list[ConfiguredOrigin], frozenset[int]]:
        """Origins in the order in which they are asked, and the statuses at which the next is; none: not allowed."""
        found = next(
            (each.target for each in self.behaviors if fnmatchcase(path, each.pattern)), self.default
        )
        if isinstance(found, ConfiguredOrigin):
            return [found], frozenset()
        if method in SAFE_METHODS:
            return [found.primary, found.secondary], found.statuses
        return [], frozenset()
