"""Settings of every test run, and what a whole session shares.

How hard Hypothesis tries: HYPOTHESIS_PROFILE=nightly searches further and at random.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.package_loggers import loggers_given_back

if TYPE_CHECKING:
    from tests.aws_emulators import Emulators

# Workers and the servers that tests start share the cores already. Pools of threads of each would wait for one another,
# spinning: as where the database is served, one thread each. Nothing has imported numpy or faiss yet, which read this.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# What runs in the background of a shell script ignores Ctrl-C, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A failure must repeat as it was reported, on any machine and under any load.
settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50, print_blob=True)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=1_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """A function takes the package's loggers over when a test makes one; the next test hears its own lines."""
    with loggers_given_back():
        yield


@pytest.fixture(autouse=True)
def _event_loop() -> Iterator[None]:
    """Mangum takes the thread's event loop, or makes one, and closes none: what is left open fails some later test."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    with suppress(RuntimeError):  # there is none after asyncio.run
        asyncio.get_event_loop_policy().get_event_loop().close()
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def aws() -> Iterator[Emulators]:
    """AWS emulators, each started when it is first asked for."""
    from tests.aws_emulators import emulators  # imports boto3, which most tests do without

    with emulators() as running:
        yield running


collect_ignore = [] if os.environ.get("BUILT_SITE") else ["site"]
"""The built documentation has a profile of its own, `make test-docs`: building it takes longer than most tests."""

_LONG = (
    "tests/simulation/",
    "tests/e2e/",
    "tests/behaviour/test_restore",
    "tests/behaviour/test_stream_",
    "tests/behaviour/test_scheduled_maintenance",
    "tests/behaviour/test_large_merges",
    "tests/behaviour/test_cold_reads",
    "tests/infrastructure/",
    "tests/integrations/test_packages",
)
"""Files of few tests that take long. With several workers, one that began with such a file at the end would keep the
others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first."""
    items.sort(
        key=lambda item: next((n for n, long in enumerate(_LONG) if item.nodeid.startswith(long)), len(_LONG))
    )
