"""Whoever has the secret of the two sites, but not the signing secret, makes no key: here, on AWS, at the Worker."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from quartzdb.adapters.ed25519 import public_key_text, signing
from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.cli.main import cli
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.domain.errors import InvalidArgument
from quartzdb.replication.statements import AHEAD_MS_MAX, GOOD_FOR_MS, Sealing, Statements
from tests.aws_emulators import Emulators
from tests.behaviour.replication.receivers import NEXT, RECEIVERS, SIGNING, STOLEN, Receiver, sealed
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.replica_sites import SECRET as OF_SITES
from tests.replica_sites import memory_site
from tests.worker_site import SECRET, key_document, new_key

# A function that is asked several times has no metrics to tell but the first time.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture(params=RECEIVERS)
def receiver(request: pytest.FixtureRequest, tmp_path: Path, aws: Emulators) -> Iterator[Receiver]:
    with ExitStack() as closing:
        yield request.param(tmp_path, aws, closing)


def keys(count: int = 1) -> list[dict[str, object]]:
    return [key_document(new_key("default")[0]) for _ in range(count)]


def test_signed_keys_are_taken(receiver: Receiver) -> None:
    """By either of the keys that are good; text beyond ASCII is signed as it is."""
    document = {**keys()[0], "name": "für die Website ✓"}
    assert receiver.put(sealed(document)) == (200, {"applied": 1})
    assert receiver.put(sealed(document)) == (200, {"applied": 0})
    assert receiver.put(sealed(*keys(2), secret=NEXT)) == (200, {"applied": 2})


def test_the_secret_of_the_two_sites_makes_no_key(receiver: Receiver) -> None:
    """Neither plain, nor signed by somebody else, nor with a signature of something else."""
    (document,) = keys()
    good = sealed(document)
    receiver.refused({"keys": [document]}, "signed")
    receiver.refused({"keys": [document], "signed": None, "signature": good["signature"]}, "signed")
    receiver.refused(sealed(document, secret=STOLEN), "signature")
    receiver.refused({**sealed(*keys()), "signature": good["signature"]}, "signature")
    first, rest = good["signature"][0], good["signature"][1:]
    other = f"{'B' if first == 'A' else 'A'}{rest}"
    for damaged in ("", "AAAA", "no base64!", good["signature"][:-4], other):
        receiver.refused({**good, "signature": damaged}, "signature")
    receiver.refused({"signed": good["signed"]}, "signature")
    receiver.refused({**good, "signed": good["signed"].replace('"read"', '"admin"') + " "}, "signature")
    # What is signed counts, not what lies beside it.
    assert receiver.put({**good, "keys": keys(3)}) == (200, {"applied": 1})


def test_a_statement_is_for_one_site_one_purpose_and_a_time(receiver: Receiver) -> None:
    """What was overheard is of no use elsewhere, nor later: in an old one a key is not revoked yet."""
    (document,) = keys()
    receiver.refused(sealed(document, to="elsewhere"), "signed.for")
    receiver.refused(sealed(document, kind="grants"), "signed.kind")
    receiver.refused(sealed(document, off_ms=-GOOD_FOR_MS - 5_000), "signed.signed_at_ms")
    receiver.refused(sealed(document, off_ms=AHEAD_MS_MAX + 60_000), "signed.signed_at_ms")
    assert receiver.put(sealed(document, off_ms=-GOOD_FOR_MS + 60_000)) == (200, {"applied": 1})


def test_a_signature_of_nonsense_is_refused_as_nonsense(receiver: Receiver) -> None:
    """By whoever has the signing secret: nothing is taken."""
    sign = signing(lambda: SIGNING)
    for text in ("nonsense", "[]", "7"):
        signature = base64.b64encode(sign(text.encode())).decode()
        status, problem = receiver.put({"signed": text, "signature": signature})
        assert (status, problem["field"]) == (400, "signed"), problem


def test_the_client_signs_and_is_understood(tmp_path: Path, clock: ManualClock) -> None:
    """As the driver sends them. A site that asks for no signature reads signed keys, too."""
    site = memory_site("there", tmp_path, clock)
    with serving(create_app(site.database)) as url:
        seal = Sealing("here", "there", signing(lambda: SIGNING), clock)
        replica = HttpReplica(url, lambda: OF_SITES, SystemClock(), site="there", seal=seal)
        key, _ = new_key("t")
        assert replica.apply_api_keys([key]) == 1
        assert site.adapters.api_keys.get(key.id) == key
        replica.close()


def test_settings_that_are_none_are_refused(tmp_path: Path) -> None:
    """A secret that may be guessed, and what is no public key."""
    with pytest.raises(InvalidArgument, match="at least 32 characters"):
        public_key_text("short")
    secret, short = tmp_path / "secret", tmp_path / "short"
    secret.write_text(SECRET)
    short.write_text("short")
    options = PeerOptions("here", "there", replication_secret_file=str(secret))
    with pytest.raises(InvalidArgument, match="at least 32 characters"):
        replace(options, signing_key_file=str(short)).check()
    for text in ("nonsense", "AAAA", ",".join([public_key_text(SIGNING)] * 5)):
        with pytest.raises(InvalidArgument, match="public key"):
            replace(options, peer_public_keys=text).check()


def test_the_command_prints_the_public_key(tmp_path: Path) -> None:
    """Of a file's first line."""
    (tmp_path / "secret").write_text(f"{SIGNING}\nold\n")
    result = CliRunner().invoke(cli, ["replication", "public-key", str(tmp_path / "secret")])
    assert result.output.strip() == public_key_text(SIGNING)
    assert Statements("here", None, ManualClock()).documents("api-keys", [1], None, None) == [1]
