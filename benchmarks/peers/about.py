"""Under what conditions a run was made: the date, the machine, versions, and the set."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.peers.registry import PEERS

if TYPE_CHECKING:
    from benchmarks.peers.plan import Plan


def about(plan: Plan) -> dict[str, Any]:
    """Everything but the figures."""
    base = np.load(plan.data / "base.npy", mmap_mode="r")
    known = plan.data / "about.json"
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "data": plan.data.name,
        "source": json.loads(known.read_text())["source"] if known.exists() else plan.data.name,
        "rows": min(plan.rows or len(base), len(base)),
        "dimension": int(base.shape[1]),
        "rounds": plan.rounds,
        "race_seconds": plan.race_seconds,
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {entry.package: version(entry.package) for entry in PEERS.values()},
    }


def fingerprint(package: str) -> str:
    """What an index was built by: the version; for this project, whose version stands still, its code as well."""
    if package != "quartzdb":
        return f"{package} {version(package)}"
    from benchmarks.children import ROOT

    code = hashlib.sha256()
    for path in sorted((ROOT / "layers" / "quartzdb" / "python").rglob("*.py")):
        code.update(path.read_bytes())
    return f"{package} {version(package)} {code.hexdigest()[:12]}"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
