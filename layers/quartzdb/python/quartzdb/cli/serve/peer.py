"""What `quartzdb serve` and `quartzdb replication` are told of the other site. Owns the options that say so.

Secrets are read from files, never taken from the command line: arguments are everybody's to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quartzdb.cli.failure import Failure
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.replication.peer_settings import PeerSettings
    from quartzdb.wiring.replication import PeerSecrets

_SITE = re.compile(r"[A-Za-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True)
class PeerOptions:
    """As they were given. `peer_site` None: this site is alone."""

    site: str = "local"
    peer_site: str | None = None
    peer_url: str | None = None
    peer_kind: str = "full"
    shared_namespaces: str = "default"
    shared_tenants: str | None = None
    api_keys: str | None = None
    interval_seconds: float = 1.0
    replication_secret_file: str | None = None
    peer_api_key_file: str | None = None
    peer_origin_secret_file: str | None = None
    data_region: str | None = None
    peer_region: str | None = None
    signing_key_file: str | None = None
    peer_public_keys: str | None = None

    def settings(self) -> PeerSettings | None:
        """Checked; None where this site is alone. Raises Failure, InvalidArgument."""
        for option, name in (("--site", self.site), ("--peer-site", self.peer_site or self.site)):
            if not _SITE.fullmatch(name):
                raise Failure(
                    f"{option} is {name!r}, which versions cannot have in them.",
                    hint="A site's name has at most 32 letters of a to z, digits, - and _.",
                )
        if self.peer_site is None:
            if self.peer_url or self.replication_secret_file:
                raise Failure("The other site has no name.", hint="Give it with --peer-site.")
            return None
        from quartzdb.replication.peer_settings import (
            ApiKeysGo,
            PeerSettings,
            SharedData,
            public_keys_of,
            tenants_of,
        )
        from quartzdb.replication.status import PeerKind

        # Who drives manages the keys, unless it is said otherwise.
        go = self.api_keys or ("there" if self.peer_url else "here")
        return PeerSettings(
            self.site,
            self.peer_site,
            self.peer_url,
            PeerKind(self.peer_kind),
            SharedData(self.shared_namespaces),
            ApiKeysGo(go),
            self.interval_seconds,
            tenants_of(self.shared_tenants),
            self.data_region,
            self.peer_region,
            public_keys=public_keys_of(self.peer_public_keys),
        )

    def check(self) -> None:
        """Raises Failure or InvalidArgument, before anything is started."""
        if self.settings() is not None:
            self.secrets()

    def secrets(self) -> PeerSecrets:
        """Read anew whenever they are needed, so that they can be rotated. Raises Failure where there are none."""
        from quartzdb.wiring.replication import PeerSecrets

        headers = self._headers()
        api_key = None
        if self.peer_kind == "contract":
            key_file = self.peer_api_key_file
            if key_file is None:
                raise Failure(
                    "A peer that knows only /api/* needs an API key of its own.",
                    hint="Put one into a file: --peer-api-key-file FILE",
                )
            api_key = lambda: _lines_again(Path(key_file))[0]  # noqa: E731 - it is a field
            _streams(Path(key_file))
        secret_file = self.replication_secret_file
        if secret_file is None:
            if self.peer_kind == "contract":
                return PeerSecrets(tuple, api_key, headers)
            raise Failure(
                "The two sites have no secret.",
                hint="Put the same one into a file at each, and name it: --replication-secret-file FILE. "
                "Further lines are older secrets that are still good.",
            )
        _streams(Path(secret_file))
        return PeerSecrets(lambda: _lines_again(Path(secret_file)), api_key, headers, self._signing())

    def _signing(self) -> Callable[[], str] | None:
        key_file = self.signing_key_file
        if key_file is None:
            return None
        from quartzdb.wiring.replication import public_key_text

        public_key_text(_streams(Path(key_file))[0])  # said now, if it is none
        return lambda: _lines_again(Path(key_file))[0]

    def _headers(self) -> Callable[[], Mapping[str, str]]:
        from quartzdb.wiring.replication import ORIGIN_SECRET_HEADER

        origin_file = self.peer_origin_secret_file
        if origin_file is None:
            return dict
        _streams(Path(origin_file))
        return lambda: {ORIGIN_SECRET_HEADER: _lines_again(Path(origin_file))[0]}

    def document(self) -> dict[str, Any]:
        """For the environment of a worker; there are no secrets in it."""
        return asdict(self)


_OPTIONS = [
    click.option(
        "--site",
        envvar="QUARTZDB_SITE",
        default="local",
        show_default=True,
        help="This site's name, which goes into versions. It must never change while there is a peer.",
    ),
    click.option("--peer-site", envvar="QUARTZDB_PEER_SITE", help="The other site's name."),
    click.option(
        "--peer-url",
        envvar="QUARTZDB_PEER_URL",
        help="The other site's address. Without it this site only answers the other one, which drives.",
    ),
    click.option(
        "--peer-kind",
        envvar="QUARTZDB_PEER_KIND",
        type=click.Choice(["full", "contract"]),
        default="full",
        show_default=True,
        help="full: it speaks the replication protocol. contract: it knows only /api/*.",
    ),
    click.option(
        "--shared-namespaces",
        envvar="QUARTZDB_SHARED_NAMESPACES",
        type=click.Choice(["default", "all"]),
        default="default",
        show_default=True,
        help="default: the namespace behind /api/*, all that a Cloudflare site has.",
    ),
    click.option(
        "--shared-tenants",
        envvar="QUARTZDB_SHARED_TENANTS",
        help="Tenants with commas between, of which anything is shared: data, and the API keys that a peer may make. "
        "Default: all.",
    ),
    click.option(
        "--api-keys",
        envvar="QUARTZDB_API_KEYS_GO",
        type=click.Choice(["there", "here", "nowhere"]),
        help="Which way API keys go. Default: there, to the peer; here, from it, where the peer drives.",
    ),
    click.option(
        "--replication-interval",
        "interval_seconds",
        envvar="QUARTZDB_REPLICATION_INTERVAL_SECONDS",
        type=float,
        default=1.0,
        show_default=True,
        help="Seconds between two rounds.",
    ),
    click.option(
        "--replication-secret-file",
        envvar="QUARTZDB_REPLICATION_SECRET_FILE",
        type=click.Path(dir_okay=False),
        help="The secret of the two sites: the same at both. Further lines are older ones that are still good.",
    ),
    click.option(
        "--peer-api-key-file",
        envvar="QUARTZDB_PEER_API_KEY_FILE",
        type=click.Path(dir_okay=False),
        help="An API key of a peer of the kind contract.",
    ),
    click.option(
        "--peer-origin-secret-file",
        envvar="QUARTZDB_PEER_ORIGIN_SECRET_FILE",
        type=click.Path(dir_okay=False),
        help="What the peer demands of whoever comes around its edge, where it has one.",
    ),
    click.option(
        "--data-region",
        envvar="QUARTZDB_DATA_REGION",
        help="Where this site is. Data of tenants whose grant names another region is not stored here.",
    ),
    click.option(
        "--peer-region",
        envvar="QUARTZDB_PEER_REGION",
        help="Where the peer is. Tenants whose grant names a region are replicated only where both sites are in it.",
    ),
    click.option(
        "--signing-key-file",
        envvar="QUARTZDB_SIGNING_KEY_FILE",
        type=click.Path(dir_okay=False),
        help="A secret of this site alone, with which it signs the API keys that go to the peer: `quartzdb replication"
        " public-key` prints what the peer has to know of it.",
    ),
    click.option(
        "--peer-public-keys",
        envvar="QUARTZDB_PEER_PUBLIC_KEYS",
        help="Public keys of the peer, with commas between: API keys are taken from it only with a signature by one of"
        " them. Default: unsigned ones are.",
    ),
]
_NAMES = (
    "site",
    "peer_site",
    "peer_url",
    "peer_kind",
    "shared_namespaces",
    "shared_tenants",
    "api_keys",
    "interval_seconds",
    "replication_secret_file",
    "peer_api_key_file",
    "peer_origin_secret_file",
    "data_region",
    "peer_region",
    "signing_key_file",
    "peer_public_keys",
)


def peer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options, and calls it with `peer`."""

    @wraps(command)
    def with_peer(**given: Any) -> None:
        peer = PeerOptions(**{name: given.pop(name) for name in _NAMES})
        command(peer=peer, **given)

    wrapped: Callable[..., None] = with_peer
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _streams(path: Path) -> list[str]:
    try:
        streams = [stream.strip() for stream in path.read_text("utf-8").splitlines() if stream.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"The file {path} cannot be read: {error}.") from error
    if not streams:
        raise Failure(f"The file {path} is empty.")
    return streams


def _lines_again(path: Path) -> list[str]:
    """While the server runs: a file that is just being replaced will be there again. Raises Unavailable."""
    from quartzdb.domain.errors import Unavailable

    try:
        return _streams(path)
    except Failure as failure:
        raise Unavailable(failure.message) from failure
