"""The secrets of two sites are read anew each time, also while their file is being replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.cli.failure import Failure
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.domain.errors import Unavailable


def test_a_secret_file_that_is_away_for_a_moment_is_no_failure_inside(tmp_path: Path) -> None:
    """Requests of the other site are answered with 503 meanwhile, and this one's are tried again."""
    file = tmp_path / "secret"
    file.write_text("the first secret of both\n")
    options = PeerOptions("here", "there", replication_secret_file=str(file))
    secrets = options.secrets().replication
    assert secrets() == ["the first secret of both"]
    file.unlink()
    with pytest.raises(Unavailable):
        secrets()
    file.write_text("")
    with pytest.raises(Unavailable):
        secrets()
    file.write_text("the second\nthe first secret of both\n")
    assert secrets() == ["the second", "the first secret of both"]


def test_a_server_does_not_start_without_the_secret(tmp_path: Path) -> None:
    """Then somebody is there to read why."""
    with pytest.raises(Failure):
        PeerOptions("here", "there", replication_secret_file=str(tmp_path / "none")).secrets()


def test_what_the_peers_edge_demands_is_sent_along(tmp_path: Path) -> None:
    """As a header of every request, read anew; without the file there is none."""
    secret, origin = tmp_path / "secret", tmp_path / "origin"
    secret.write_text("the secret of both sites\n")
    origin.write_text("the first of the edge\n")
    headers = (
        PeerOptions("here", "there", replication_secret_file=str(secret), peer_origin_secret_file=str(origin))
        .secrets()
        .headers
    )
    assert headers() == {"x-quartzdb-origin-secret": "the first of the edge"}
    origin.write_text("the second\n")
    assert headers() == {"x-quartzdb-origin-secret": "the second"}
    assert PeerOptions("here", "there", replication_secret_file=str(secret)).secrets().headers() == {}


@pytest.mark.parametrize("name", ["build/site", "a.b", "", "a b", "x" * 33, "é"])
def test_a_name_that_versions_cannot_have_is_refused(name: str) -> None:
    """A server that took it would answer writes with versions that it does not understand itself."""
    for options in (PeerOptions(name), PeerOptions("here", name or "é")):
        with pytest.raises(Failure, match="versions cannot have"):
            options.check()
    PeerOptions("local").check()
    PeerOptions("East_2-b").check()
