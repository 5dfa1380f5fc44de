"""What the Worker's files say twice, and what this side says as well, is the same. Needs no workerd."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import quartzdb
from local import workerd
from quartzdb.api.routes import cloudflare_vectors
from quartzdb.domain import grant, limits, namespace, vector
from quartzdb.replication.wire import limits as protocol
from quartzdb.services import keys, tenants

WORKER = Path(workerd.WORKER)


def wrangler() -> dict[str, Any]:
    text = (WORKER / "wrangler.jsonc").read_text()
    document: dict[str, Any] = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    return document


def said(name: str) -> object:
    """A constant of limits.js."""
    found = re.search(
        rf"^export const {name} = (.+);$", (WORKER / "src" / "limits.js").read_text(), re.MULTILINE
    )
    assert found, name
    value: object = eval(found[1], {"__builtins__": {}})  # products and texts are the same in both languages
    return value


def test_limits_are_those_of_the_other_deployment() -> None:
    """A client that is switched from one to the other must not notice, and every change must fit both."""
    same = {
        "VERSION": quartzdb.__version__,
        "NAMESPACE": namespace.DEFAULT_NAMESPACE,
        "DIMENSION": namespace.DEFAULT_DIMENSION,
        "DIMENSION_MAX": limits.DIMENSION_MAX,
        "METADATA_BYTES_MAX": limits.METADATA_BYTES_MAX,
        "METADATA_DEPTH_MAX": limits.METADATA_DEPTH_MAX,
        "KEY_CHARACTERS_MAX": limits.KEY_CHARACTERS_MAX,
        "VALUE_BYTES_MAX": limits.VALUE_BYTES_MAX,
        "CONTENT_TYPE_CHARACTERS_MAX": limits.CONTENT_TYPE_CHARACTERS_MAX,
        "BODY_BYTES_MAX": limits.BODY_BYTES_MAX,
        "BATCH_MAX": cloudflare_vectors.BATCH_MAX,
        "K_MAX": cloudflare_vectors.K_MAX,
        "RESULTS_MAX": cloudflare_vectors.RESULTS_MAX,
        "LENGTH_MAX": vector.LENGTH_MAX,
        "LENGTH_MIN": vector.LENGTH_MIN,
        "AHEAD_MS_MAX": protocol.CLOCK_SKEW_MS_MAX,
        "CHANGES_MAX": protocol.CHANGES_MAX,
        "PAGE_BYTES_MAX": protocol.PAGE_BYTES_MAX,
        "ENVELOPE_BYTES_MAX": protocol.ENVELOPE_BYTES_MAX,
        "ENTRIES_MAX": protocol.ENTRIES_MAX,
        "FETCH_MAX": protocol.FETCH_IDS_MAX,
        "API_KEYS_MAX": protocol.API_KEYS_MAX,
        "GRANTS_MAX": protocol.GRANTS_MAX,
        "RATE_MAX": grant.RATE_MAX,
        "TEXT_CHARACTERS_MAX": grant.TEXT_CHARACTERS_MAX,
        "GONE_KEPT_MS": tenants.GONE_KEPT_MS,
        "KEY_NAMESPACES_MAX": keys.KEY_NAMESPACES_MAX,
        "TIME_MS_MAX": limits.TIME_MS_MAX,
    }
    assert {name: said(name) for name in same} == same
    assert 1_000 * int(str(said("TOMBSTONE_SECONDS"))) == protocol.FEED_KEPT_MS


def test_it_runs_here_as_it_is_deployed() -> None:
    """With the same semantics of the runtime, and the same objects."""
    deployed = wrangler()
    assert deployed["compatibility_date"] == workerd.COMPATIBILITY_DATE
    objects = {one["name"]: one["class_name"] for one in deployed["durable_objects"]["bindings"]}
    assert objects == workerd.DURABLE_OBJECTS
    assert deployed["migrations"][0]["new_sqlite_classes"] == list(objects.values())
    assert (WORKER / deployed["main"]).exists()


def test_the_runtime_is_locked_and_comes_from_no_particular_registry() -> None:
    """By version and hash: state files of a newer workerd cannot be read by an older one."""
    lock = json.loads((WORKER / "package-lock.json").read_text())
    wanted = json.loads((WORKER / "package.json").read_text())["devDependencies"]
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert lock["packages"][""]["devDependencies"] == wanted
    assert {one["version"] for one in packages.values()} == {wanted["workerd"]}
    assert all(one["integrity"].startswith("sha512-") and "resolved" not in one for one in packages.values())


def test_every_binding_is_explained() -> None:
    """In the README, where whoever deploys it looks."""
    source = "".join(path.read_text() for path in (WORKER / "src").rglob("*.js"))
    used = set(re.findall(r"bindings\.([A-Z_]+)", source)) | set(
        re.findall(r"\{ ((?:[A-Z_]+, )+[A-Z_]+) \}\)", source)
    )
    names = {name for group in used for name in group.split(", ")} - workerd.DURABLE_OBJECTS.keys()
    assert {"SITE", "REPLICATION_SECRET_PREVIOUS", "ORIGIN_SECRET", "RATE_PER_SECOND"} <= names
    readme = (WORKER / "README.md").read_text()
    assert {name for name in names if f"`{name}`" not in readme} == set()
