"""What memory a process has, by Linux's own count, and a bound on it that the kernel holds it to."""

from __future__ import annotations

import re
import resource
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

GB = 1_000_000_000
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `file_bytes` are pages of mapped files, which the kernel takes back when it needs them."""

    peak_bytes: int
    anonymous_bytes: int
    file_bytes: int


def memory() -> Memory:
    """This process's, now; the peak is of all that was resident at once since it began."""
    kilobytes = {
        name: int(value)
        for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    }
    return Memory(
        1024 * kilobytes["VmHWM"],
        1024 * kilobytes["RssAnon"],
        1024 * (kilobytes["RssFile"] + kilobytes["RssShmem"]),
    )


class AnonymousPeak:
    """A context manager that looks now and then: Linux keeps the peak of everything, and not of this part of it."""

    _EVERY_SECONDS = 0.05

    def __init__(self) -> None:
        self.bytes = 0
        self._stopping = threading.Event()
        self._looking = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._looking.join()
        self._look()

    def _run(self) -> None:
        while not self._stopping.wait(self._EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        self.bytes = max(self.bytes, memory().anonymous_bytes)


def hold_to(gigabytes: float | None) -> None:
    """Make the kernel refuse this process more memory of its own than so much; None: as much as there is.

    Counted is what it has asked for, used or not, and not the pages of files that are mapped to be read.
    """
    if gigabytes is not None:
        bytes_max = int(gigabytes * GB)
        resource.setrlimit(resource.RLIMIT_DATA, (bytes_max, bytes_max))
