"""What a serving process is set to: its threads, its log, and what workers are told through their environment.

No other module of `serve` reads or writes environment variables.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import MutableMapping
from pathlib import Path

from quartzdb.cli.serve.options import DISK_RESERVE_MB
from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.domain.limits import CHANGES_DAYS
from quartzdb.domain.values import dataclass

_DATA_DIR = "QUARTZDB_SERVE_DATA_DIR"
_LOG_LEVEL = "QUARTZDB_SERVE_LOG_LEVEL"
_PARENT = "QUARTZDB_SERVE_PARENT"
_DEFAULT_ENGINE = "QUARTZDB_SERVE_DEFAULT_ENGINE"
_DISK_RESERVE_MB = "QUARTZDB_SERVE_DISK_RESERVE_MB"
_PEER = "QUARTZDB_SERVE_PEER"
_USAGE_JOURNAL = "QUARTZDB_SERVE_USAGE_JOURNAL"
_PLAIN = "QUARTZDB_SERVE_PLAIN"
_CHANGES_DAYS = "QUARTZDB_SERVE_CHANGES_DAYS"
_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """`parent` is the process whose end ends the worker too. `plain`: without what other packages add."""

    data_dir: Path
    parent: int
    log_level: str
    default_engine: str = "auto"
    disk_reserve_mb: int = DISK_RESERVE_MB
    peer: PeerOptions = PeerOptions()
    usage_journal: bool = False
    plain: bool = False
    changes_days: int = CHANGES_DAYS

    def to_environment(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Leave them for processes started from here."""
        environment[_DATA_DIR] = str(self.data_dir.resolve())
        environment[_PARENT] = str(self.parent)
        environment[_LOG_LEVEL] = self.log_level
        environment[_DEFAULT_ENGINE] = self.default_engine
        environment[_DISK_RESERVE_MB] = str(self.disk_reserve_mb)
        environment[_PEER] = json.dumps(self.peer.document())
        environment[_USAGE_JOURNAL] = str(int(self.usage_journal))
        environment[_PLAIN] = str(int(self.plain))
        environment[_CHANGES_DAYS] = str(self.changes_days)

    @staticmethod
    def from_environment(environment: MutableMapping[str, str] = os.environ) -> WorkerSettings:
        """Read them. Raises KeyError outside a worker."""
        return WorkerSettings(
            Path(environment[_DATA_DIR]),
            int(environment[_PARENT]),
            environment[_LOG_LEVEL],
            environment[_DEFAULT_ENGINE],
            int(environment[_DISK_RESERVE_MB]),
            PeerOptions(**json.loads(environment[_PEER])),
            environment[_USAGE_JOURNAL] == "1",
            environment[_PLAIN] == "1",
            int(environment[_CHANGES_DAYS]),
        )


def limit_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """One BLAS and OpenMP thread per request or query, unless the user said otherwise.

    Requests run side by side already; a pool of threads in each would only make them wait for one another, and the
    products of one query are too small to be shared out. Has to come before numpy and faiss are imported, which read
    this once. It is for processes of our own: a program that embeds the database has numpy to itself.
    """
    for name in _THREAD_LIMITS:
        environment.setdefault(name, "1")


def log_to_stderr(level: str) -> None:
    """The log of this process. stdout is for what the command has to say."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
    )
