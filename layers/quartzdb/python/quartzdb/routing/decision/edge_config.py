"""What the edge router is told when it is built: a JSON file in its bundle, as the edge has no environment variables.

Holds no secret: those come with each event, as headers that CloudFront has for the configured origin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast
from urllib.parse import urlsplit

from quartzdb.net.address import Address, Protocol
from quartzdb.routing.decision.state import (
    InvalidState,
    Mode,
    Origin,
    RoutingState,
    decode_state,
    encode_state,
)

FORMAT = 1
CLOUDFLARE_SURFACE = ("/", "/health", "/api/*")
"""All that the Cloudflare deployment answers: the contract that both sites share."""
EVERYTHING = ("/*",)


class InvalidEdgeConfig(ValueError):
    """A document is no configuration of the router. Raised when it is built, before it could be deployed."""


@dataclass(frozen=True, slots=True)
class EdgeOrigin:
    """How one origin is reached. `domain` None: as CloudFront has it configured, which it says in each event.

    `surface` is the paths that it answers: exact ones, and beginnings that end in `*`. Times are in seconds, and
    CloudFront's: whole, 1 to 60.
    """

    domain: str | None
    port: int = 443
    protocol: Protocol = "https"
    path: str = ""
    surface: tuple[str, ...] = EVERYTHING
    read_timeout_seconds: int = 30
    keepalive_timeout_seconds: int = 5

    def __post_init__(self) -> None:
        if self.domain is not None and (not self.domain or ":" in self.domain or "/" in self.domain):
            raise InvalidEdgeConfig(f"the domain {self.domain!r} is a name, without port or path")
        if self.domain is not None and self.domain.replace(".", "").isdigit():
            raise InvalidEdgeConfig(f"the domain {self.domain!r} is an address; CloudFront wants a name")
        if self.port not in {80, 443} and not 1024 <= self.port <= 65535:
            raise InvalidEdgeConfig(f"port {self.port}: CloudFront takes 80, 443 and 1024 to 65535")
        if self.protocol not in {"http", "https"}:
            raise InvalidEdgeConfig(f"the protocol {self.protocol!r} is http or https")
        if self.path and (not self.path.startswith("/") or self.path.endswith("/") or len(self.path) > 255):
            raise InvalidEdgeConfig(f"the path {self.path!r} begins with a slash and ends without one")
        if not self.surface or any(not each.startswith("/") for each in self.surface):
            raise InvalidEdgeConfig("an origin serves some paths, and each begins with a slash")
        for seconds in (self.read_timeout_seconds, self.keepalive_timeout_seconds):
            if not 1 <= seconds <= 60:
                raise InvalidEdgeConfig(f"a timeout of {seconds} s: CloudFront takes 1 to 60")

    def serves(self, path: str) -> bool:
        """Whether it answers requests for that path."""
        return any(
            path.startswith(each[:-1]) if each.endswith("*") else path == each for each in self.surface
        )


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds. All of one request end well before CloudFront's 30 s for a function of an origin event.

    `state`: reading the routing state while a request waits. `attempt`: a guarded request at the suspect origin,
    connecting and reading included. `write`: a mirrored write at the peer. `queue`: handing a mirrored write over, with
    all attempts. `report`: telling what was seen of an origin.
    """

    state: float = 0.5
    attempt: float = 2.0
    write: float = 18.0
    queue: float = 6.0
    report: float = 0.3

    def __post_init__(self) -> None:
        if any(getattr(self, each.name) <= 0 for each in fields(self)):
            raise InvalidEdgeConfig("a deadline is more than nothing")
        if self.state + self.report + max(self.attempt, self.write + self.queue) > 28:
            raise InvalidEdgeConfig(
                "together the deadlines pass 28 s, and at 30 s CloudFront ends the function"
            )


def _initial() -> RoutingState:
    return RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 0, "built in")


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """The router's configuration.

    `state_url` None: there is no state to read, and `initial` stays. The state is read again after `cache_seconds`, and
    not used without an attempt to read it once it is older than `stale_seconds_max`. `mirror_queue_url` is for a peer
    without a change feed. `mirror_delay_seconds`: how long the queue holds a write back that the edge could not see
    accepted. `resolve` is for one machine: names that are somewhere else.
    """

    origins: Mapping[Origin, EdgeOrigin]
    region: str = "us-east-1"
    state_url: str | None = None
    state_signed: bool = True
    cache_seconds: float = 2.0
    stale_seconds_max: float = 6.0
    deadlines: Deadlines = field(default_factory=Deadlines)
    initial: RoutingState = field(default_factory=_initial)
    passive_queue_url: str | None = None
    mirror_queue_url: str | None = None
    mirror_delay_seconds: int = 60
    resolve: Mapping[str, Address] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.origins) != set(Origin):
            raise InvalidEdgeConfig("both origins are described: aws and cloudflare")
        if self.origins[Origin.CLOUDFLARE].domain is None:
            raise InvalidEdgeConfig("the Cloudflare origin has a domain: CloudFront knows only the other one")
        if not 0 < self.cache_seconds <= self.stale_seconds_max:
            raise InvalidEdgeConfig("0 < cache_seconds <= stale_seconds_max")
        if not 0 <= self.mirror_delay_seconds <= 900:
            raise InvalidEdgeConfig("mirror_delay_seconds: a queue takes 0 to 900")
        for url in (self.state_url, self.passive_queue_url, self.mirror_queue_url):
            if url is not None and (
                urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname
            ):
                raise InvalidEdgeConfig(f"{url!r} is no address")


def encode_config(config: EdgeConfig) -> bytes:
    """As JSON, the same bytes for the same configuration."""
    document = {
        "format": FORMAT,
        "region": config.region,
        "origins": {
            name: {each.name: getattr(origin, each.name) for each in fields(origin)}
            for name, origin in config.origins.items()
        },
        "state": {"url": config.state_url, "sign": config.state_signed},
        "cache_seconds": config.cache_seconds,
        "stale_seconds_max": config.stale_seconds_max,
        "deadlines": {each.name: getattr(config.deadlines, each.name) for each in fields(Deadlines)},
        "initial_state": json.loads(encode_state(config.initial)),
        "passive_queue_url": config.passive_queue_url,
        "mirror_queue_url": config.mirror_queue_url,
        "mirror_delay_seconds": config.mirror_delay_seconds,
        "resolve": {name: list(address) for name, address in config.resolve.items()},
    }
    return json.dumps(document, sort_keys=True, indent=1).encode()


def decode_config(data: bytes) -> EdgeConfig:
    """Read it back; what is left out is as by default. Raises InvalidEdgeConfig, for a name that is unknown too."""
    try:
        document = json.loads(data)
        if document.pop("format", FORMAT) != FORMAT:
            raise InvalidEdgeConfig("a configuration of another format")
        given: dict[str, Any] = {}
        state = document.pop("state", None)
        if state is not None:
            given["state_url"] = state.pop("url")
            given["state_signed"] = state.pop("sign", True)
            _nothing_left(state)
        given["origins"] = {
            Origin(name): EdgeOrigin(**{**each, "surface": tuple(each.get("surface", EVERYTHING))})
            for name, each in document.pop("origins").items()
        }
        given["deadlines"] = Deadlines(**document.pop("deadlines", {}))
        initial = document.pop("initial_state", None)
        if initial is not None:
            given["initial"] = decode_state(json.dumps(initial).encode())
        given["resolve"] = {name: _address(each) for name, each in document.pop("resolve", {}).items()}
        return EdgeConfig(**given, **document)
    except InvalidEdgeConfig:
        raise
    except InvalidState as error:
        raise InvalidEdgeConfig(f"initial_state: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidEdgeConfig(f"not a configuration of the router: {error}") from error


def _address(document: Any) -> Address:
    host, port, protocol = document
    if not isinstance(host, str) or type(port) is not int or protocol not in {"http", "https"}:
        raise InvalidEdgeConfig("resolve: a name leads to [host, port, protocol]")
    return Address(host, port, cast(Protocol, protocol))


def _nothing_left(document: Mapping[str, Any]) -> None:
    if document:
        raise InvalidEdgeConfig(f"unknown: {', '.join(document)}")
