"""What Linux knows of processes: their memory, their children, the cores that they may use; and its page cache."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def descendants(parent: int) -> list[int]:
    """Children of a process and theirs."""
    found: list[int] = []
    waiting = [parent]
    while waiting:
        process = waiting.pop()
        for thread in _entries(Path(f"/proc/{process}/task")):
            children = _read(Path(f"/proc/{process}/task/{thread}/children")).split()
            found += map(int, children)
            waiting += map(int, children)
    return found


def memory(processes: Sequence[int]) -> dict[str, int]:
    """Bytes that they hold now, and the most that they held.

    Anonymous memory is added up. Of memory that a file backs, which several processes share, the largest counts.
    """
    anonymous = files = peak = 0
    for process in processes:
        rollup = dict(_sizes(Path(f"/proc/{process}/smaps_rollup")))
        status = dict(_sizes(Path(f"/proc/{process}/status")))
        anonymous += rollup["Anonymous"]
        files = max(files, rollup["Rss"] - rollup["Anonymous"])
        peak += status["VmHWM"]
    return {"anonymous": anonymous, "file_backed": files, "peak": peak}


def pin(processes: Sequence[int], cores: Collection[int]) -> None:
    """Let every thread that these processes have now, and will have, run on those cores only."""
    for process in processes:
        for thread in _entries(Path(f"/proc/{process}/task")):
            try:
                os.sched_setaffinity(int(thread), cores)
            except ProcessLookupError:
                continue  # it has ended meanwhile


def forget_files(places: Sequence[Path]) -> str:
    """Drop the page cache: of the whole machine where this may, else of all files in `places`. Says how."""
    os.sync()
    try:
        DROP_CACHES.write_text("1")
    except OSError:
        for place in places:
            for path in place.rglob("*"):
                if path.is_file():
                    _forget_file(path)
        return "posix_fadvise on the files of the index and of the environment"
    return "drop_caches: nothing is in it, not even Python"


def _forget_file(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(opened)


def size_of(place: Path) -> int:
    """Bytes that a file, or all in a directory, takes on the disk."""
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return sum(file.stat().st_blocks * 512 for file in files)


def _entries(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _sizes(path: Path) -> list[tuple[str, int]]:
    lines = (line.split() for line in path.read_text().splitlines())
    return [(words[0].rstrip(":"), int(words[1]) * 1024) for words in lines if words[-1:] == ["kB"]]
