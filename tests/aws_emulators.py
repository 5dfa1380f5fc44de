"""AWS on this machine: moto in this process and ministack beside it, each started once and only when a test needs it.

Real boto3 clients speak HTTP to them on the loopback address; nothing is patched and nothing else is ever asked.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from quartzdb.adapters.aws.dynamodb_feed import INDEXED
from quartzdb.adapters.aws.dynamodb_table import FEED_INDEX
from quartzdb.adapters.aws.patience import Patience
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

NAMES = ("moto", "ministack")
REGION = "us-east-1"
PATIENCE = Patience(connect_seconds=5, read_seconds=60, attempts_max=3)
"""An emulator on a busy machine is slow, and moto does not stand being asked again."""
_MINISTACK = Path(__file__).parents[1] / ".venv-ministack" / "bin" / "ministack"
_STARTS_WITHIN_SECONDS = 60
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # the emulators take anything
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


@dataclass(frozen=True)
class Place:
    """A table and a bucket that nobody else uses."""

    table: str
    bucket: str


@dataclass(frozen=True)
class Emulator:
    """A running emulator and one client of each kind, which all adapters of a test share."""

    endpoint_url: str
    dynamodb: DynamoDBClient
    s3: S3Client

    def new_place(self) -> Place:
        """An empty table, as cdk/constructs/data_table.py makes it, and an empty bucket."""
        name = f"quartzdb-{secrets.token_hex(8)}"
        create_table(self.dynamodb, name)
        self.s3.create_bucket(Bucket=name)
        return Place(name, name)


def create_table(client: DynamoDBClient, name: str) -> None:
    """The table of the data stack."""
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "feed", "AttributeType": "S"},
            {"AttributeName": "appended", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": FEED_INDEX,
                "KeySchema": [
                    {"AttributeName": "feed", "KeyType": "HASH"},
                    {"AttributeName": "appended", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(INDEXED)},
            }
        ],
    )


class Emulators:
    """Starts each emulator when it is first asked for."""

    def __init__(self, closing: ExitStack) -> None:
        self._closing = closing
        self._running: dict[str, Emulator] = {}

    def get(self, name: str) -> Emulator:
        """The emulator, running. Skips the test where it is not installed."""
        if name not in self._running:
            url = self._closing.enter_context(_moto() if name == "moto" else _ministack())
            clients = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE)
            self._running[name] = Emulator(url, clients.dynamodb, clients.s3)
            self._closing.callback(self._running[name].dynamodb.close)
            self._closing.callback(self._running[name].s3.close)
        return self._running[name]


@contextmanager
def emulators() -> Iterator[Emulators]:
    """The emulators of one test session, with an environment that has no credentials and no way out."""
    with mock.patch.dict(os.environ, _ENVIRONMENT), ExitStack() as closing:
        yield Emulators(closing)


@contextmanager
def _moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # or it tells of every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@contextmanager
def _ministack() -> Iterator[str]:
    if not _MINISTACK.exists():
        pytest.skip(f"ministack is not installed in {_MINISTACK.parents[1].name}; `make test` installs it")
    port = _free_port()
    directory = Path(tempfile.mkdtemp(prefix="quartzdb-ministack-"))
    environment = {
        **os.environ,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",  # or it opens a port on every interface
        "PERSIST_STATE": "0",
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
    }
    environment.pop("PYTHONPATH", None)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([_MINISTACK], env=environment, cwd=directory, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(process, url, directory / "log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"{url}/_ministack/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"ministack did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
