"""`python -m local.clouds`: both clouds and the edge until Ctrl-C, with what a person needs to try them."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from local.clouds.clouds import Clouds, clouds
from local.failure import LocalDeploymentFailed
from local.fault_control import fault_control
from local.work_directory import REPOSITORY

FOLDER = REPOSITORY / "build" / "clouds"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m local.clouds", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the data; emptied at the start")
    parser.add_argument("--port", type=int, default=8788, help="of the edge, on 127.0.0.1")
    options = parser.parse_args(arguments)
    shutil.rmtree(options.folder, ignore_errors=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with (
            clouds(options.folder, edge_port=options.port) as running,
            fault_control({origin.value: proxy for origin, proxy in running.proxies.items()}) as control,
        ):
            running.wait_until_serving()
            sys.stdout.write(_greeting(running, control, options.folder))
            sys.stdout.flush()
            ended.wait()
    except LocalDeploymentFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


def _greeting(running: Clouds, control: str, folder: Path) -> str:
    return f"""Both clouds run. Cloudflare is the primary; everything is reached through the edge.

  edge      {running.edge_url}
  API key   {running.key}

  curl -H 'Authorization: Bearer {running.key}' {running.edge_url}/api/put -d '{{"key": "a", "value": "b"}}'
  curl -H 'Authorization: Bearer {running.key}' {running.edge_url}/api/get/a

Break a cloud, and heal it (refuse, blackhole, slow, reset, error_5xx, truncated, dns, none):

  curl -X PUT {control}/faults/cloudflare -d '{{"kind": "blackhole"}}'
  curl -X PUT {control}/faults/cloudflare -d '{{"kind": "none"}}'

See who serves, and steer:

  .venv/bin/quartzdb origin status --data-dir {folder / "aws"}
  .venv/bin/quartzdb origin failover --data-dir {folder / "aws"}

Ctrl-C ends everything.
"""


if __name__ == "__main__":
    sys.exit(main())
