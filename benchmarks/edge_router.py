"""What the edge router adds to a request: its handler alone, from the built bundle, over real-shaped events.

`make bench-edge`. The state is built in, so that reading it is not part of the figures; parsing and writing JSON, which
Lambda's runtime does around any handler, is measured beside. Exits with 1 where direct mode takes more than 1 ms.
"""

from __future__ import annotations

import argparse
import base64
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from functions.edge_router.build import build_bundle
from quartzdb.routing.decision.edge_config import CLOUDFLARE_SURFACE, EdgeConfig, EdgeOrigin
from quartzdb.routing.decision.state import Mode, Origin, RoutingState

MEDIAN_MS_MAX = 1.0
_DOMAIN = "db.example.workers.dev"
_CONFIG = EdgeConfig(
    {Origin.AWS: EdgeOrigin(None), Origin.CLOUDFLARE: EdgeOrigin(_DOMAIN, surface=CLOUDFLARE_SURFACE)}
)
_MEASURE = """
import sys, json, time
sys.path.insert(0, sys.argv[1])
begun = time.perf_counter()
import handler
imported = time.perf_counter() - begun
text, times, around = sys.argv[2], [], []
text = open(text).read()
for _ in range(int(sys.argv[3])):
    a = time.perf_counter()
    event = json.loads(text)
    b = time.perf_counter()
    answer = handler.handler(event, None)
    c = time.perf_counter()
    json.dumps(answer)
    d = time.perf_counter()
    times.append(1000 * (c - b))
    around.append(1000 * (b - a + d - c))
print(json.dumps([1000 * imported, times, around]))
"""


def _event(method: str, uri: str, body: bytes) -> dict[str, Any]:
    """As CloudFront sends it, with the headers of a common client."""
    headers = {
        "Host": "abcdefgh.lambda-url.us-east-1.on.aws",
        "User-Agent": "python-httpx/0.28",
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Authorization": "Bearer qdb_live_0123456789abcdef_0123456789abcdef0123456789abcdef",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Forwarded-For": "203.0.113.178",
        "Via": "2.0 2afae0d44e2540f472c0635ab62c232b.cloudfront.net (CloudFront)",
    }
    secrets = {"x-quartzdb-origin-secret": "a" * 48, "x-quartzdb-cloudflare-secret": "b" * 48}
    request = {
        "clientIp": "203.0.113.178",
        "headers": {name.lower(): [{"key": name, "value": value}] for name, value in headers.items()},
        "method": method,
        "uri": uri,
        "querystring": "",
        "origin": {
            "custom": {
                "customHeaders": {name: [{"key": name, "value": value}] for name, value in secrets.items()},
                "domainName": headers["Host"],
                "keepaliveTimeout": 5,
                "path": "",
                "port": 443,
                "protocol": "https",
                "readTimeout": 30,
                "sslProtocols": ["TLSv1.2"],
            }
        },
        "body": {
            "action": "read-only",
            "data": base64.b64encode(body).decode(),
            "encoding": "base64",
            "inputTruncated": False,
        },
    }
    config = {
        "distributionDomainName": "d111111abcdef8.cloudfront.net",
        "distributionId": "EDFDVBD6EXAMPLE",
        "eventType": "origin-request",
        "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
    }
    return {"Records": [{"cf": {"config": config, "request": request}}]}


def _answered(event: dict[str, Any]) -> dict[str, Any]:
    """The origin-response event of the same request."""
    cf = event["Records"][0]["cf"]
    request = {name: value for name, value in cf["request"].items() if name != "body"}
    response = {
        "status": "200",
        "statusDescription": "OK",
        "headers": {"content-type": [{"key": "Content-Type", "value": "application/json"}]},
    }
    config = {**cf["config"], "eventType": "origin-response"}
    return {"Records": [{"cf": {"config": config, "request": request, "response": response}}]}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs the bundle")
    arguments = parser.parse_args()
    small, large = b'{"key": "a", "value": "b"}', b"x" * 1_000_000
    failed_over = RoutingState(2, 2, Origin.AWS, Mode.FAILED_OVER, 0, "for a measurement")
    cases: list[tuple[str, EdgeConfig, dict[str, Any]]] = [
        ("direct, GET to Cloudflare", _CONFIG, _event("GET", "/api/get/a", b"")),
        ("direct, GET to AWS", _CONFIG, _event("GET", "/v1/health", b"")),
        ("direct, POST to Cloudflare", _CONFIG, _event("POST", "/api/put", small)),
        ("direct, POST of 1 MB", _CONFIG, _event("POST", "/api/put", large)),
        (
            "ramp of 50 %",
            replace(_CONFIG, initial=replace(failed_over, ramp_percent=50)),
            _event("GET", "/", b""),
        ),
        ("failed over", replace(_CONFIG, initial=failed_over), _event("GET", "/api/get/a", b"")),
        ("origin-response", _CONFIG, _answered(_event("GET", "/api/get/a", b""))),
    ]
    version = subprocess.run(
        [arguments.python, "-V"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"{version}, {platform.machine()}, {arguments.events} events each; ms in the handler")
    print(f"{'case':28} {'median':>8} {'p99':>8} {'JSON around it':>15} {'import':>8}")
    slow = False
    with tempfile.TemporaryDirectory() as scratch:
        for name, config, event in cases:
            bundle = build_bundle(config, Path(scratch, "bundle"))
            given = Path(scratch, "event.json")
            given.write_text(json.dumps(event))
            count = arguments.events if len(given.read_text()) < 100_000 else arguments.events // 20
            done = subprocess.run(
                [arguments.python, "-I", "-S", "-c", _MEASURE, str(bundle), str(given), str(count)],
                capture_output=True,
                text=True,
                check=True,
            )
            imported, times, around = json.loads(done.stdout)
            median, last = statistics.median(times), statistics.quantiles(times, n=100)[-1]
            slow |= median > MEDIAN_MS_MAX
            print(f"{name:28} {median:8.3f} {last:8.3f} {statistics.median(around):15.3f} {imported:8.0f}")
    if slow:
        print(f"a median is above {MEDIAN_MS_MAX} ms", file=sys.stderr)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
