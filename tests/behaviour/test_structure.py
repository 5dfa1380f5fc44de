"""The tree is what the documentation says: modules, what each may import, folders of tests, a suite for every port."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/quartzdb/python/quartzdb"
CONTRACTS = ROOT / "tests/contracts"

NAMES_OF_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

ANY_SUITE = "test_*.py"

SUITES = {
    "maintenance/ports.py": {"PendingWorkList": "test_pending_work.py", "MergeRuns": ANY_SUITE},
    "replication/ports.py": {
        "Checkpoints": "test_checkpoints.py",
        "ContractApi": ANY_SUITE,
        "MirrorQueue": "test_mirror_queue.py",
        "Replica": "test_replicas.py",
    },
    "routing/ports.py": {
        "OriginProbe": ANY_SUITE,
        "OriginStates": "test_origin_states.py",
        "PassiveReports": "test_passive_reports.py",
        "RoutingEvents": "test_routing_events.py",
        "RoutingPublisher": "test_routing_publishers.py",
    },
    "services/ports.py": {
        "ApiKeyTable": "test_api_keys.py",
        "ArchiveStore": "test_archives.py",
        "IdempotencyTable": "test_idempotency.py",
        "RateSlices": "test_rate_slices.py",
        "TenantGrants": "test_tenant_grants.py",
    },
    "storage/index/engines/port.py": {"Engine": "test_engines.py", "Index": "test_engines.py"},
    "storage/ports.py": {
        "BlobHistory": ANY_SUITE,
        "BlobStore": "test_blobs.py",
        "ChangeLog": "test_change_log.py",
        "KeyValueTable": "test_key_value.py",
        "ReminderStore": "test_reminders.py",
        "Leases": "test_leases.py",
        "NamespaceCatalog": "test_catalog.py",
    },
}
"""Of each port: the suite that every implementation of it passes."""

WITHOUT_SUITE = {
    "BackupDestination": "one adapter: tests/behaviour/test_backup.py runs it with what happens between its calls",
    "BackupSource": "likewise",
    "ErasingSite": "one adapter, asked in tests/behaviour/replication/test_erasure_exchange.py",
    "Retention": "no adapter: its two answers are tested with replication, in test_local_replica.py",
}

DONE_BY_FEW = {
    r"import_module\(\"faiss\"\)|^ *import faiss|^ *from faiss": {"storage.index.engines.faiss_library"},
    r"(?i)tenant[^\n]{0,20}[\"']default[\"']": {"wiring.settings"},
    r"os\.environ|os\.getenv": {
        "aws_lambda.settings",
        "cli.serve.settings",
        "cli.settings",
        "storage.index.engines.kernel_library",  # of the process, as the processor is: no namespace has another
        "routing.edge.assembly",  # the router has no layers, and its role's credentials are nowhere else
        "storage.index.engines.faiss_library",  # OpenMP can be told in no other way, and only while it is loaded
        "wiring.aws_clients",  # whether botocore, which reads it by itself, would trust somebody's own authorities
    },
    r"time\.time\b|time\.time_ns|datetime\.now|utcnow": {
        "adapters.system_clock",
        "aws_lambda.xray",  # the daemon is told real times, whatever clock the database has
        "routing.edge.assembly",  # as above: the edge may not import adapters
    },
}
"""Source text, and the only modules of the package that have it."""


@cache
def source_of(path: Path) -> str:
    return path.read_text()


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package by its name without `quartzdb.`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@cache
def imports() -> Mapping[str, frozenset[str]]:
    """What of the package each module imports, wherever in it; names without `quartzdb.`."""
    found: dict[str, set[str]] = defaultdict(set)
    known = {name for name, _ in modules()}
    for name, path in modules():
        for node in ast.walk(ast.parse(source_of(path))):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted = [one if one.removeprefix("quartzdb.") in known else node.module for one in inside]
            else:
                continue
            found[name] |= {one.removeprefix("quartzdb.") for one in wanted if one.startswith("quartzdb.")}
    return {name: frozenset(found[name]) for name in known}


def table(document: Path, heading: str | None = None) -> list[list[str]]:
    """The cells of the rows of a document's tables, or of those below one heading."""
    text = document.read_text()
    if heading is not None:
        text = text.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def named(cell: str) -> list[str]:
    """What stands between backticks, as dotted names."""
    return [one.strip("/").replace("/", ".") for one in re.findall(r"`([^`]+)`", cell)]


def within(module: str, folder: str) -> bool:
    return module == folder or module.startswith(folder + ".")


@cache
def module_table() -> Mapping[str, list[str]]:
    """What architecture.md says each folder of the package may import."""
    found: dict[str, list[str]] = {}
    for row in table(ROOT / "docs/architecture.md", "## The modules"):
        found |= dict.fromkeys(named(row[0]), named(row[-1]))
    return found


def permitted(folder: str) -> set[str]:
    """What the table names, and the folder itself. `ports` stands for every module of ports."""
    allowed = {folder, *module_table()[folder]}
    if "ports" in allowed:
        allowed |= {name for name, _ in modules() if name.split(".")[-1] == "ports"}
    return allowed


def layers_of(container: str) -> list[set[str]]:
    """The layers of an import-linter contract, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and contract["containers"] == [container]:
            return [set(re.split(r" [|:] ", layer)) for layer in contract["layers"]]
    raise AssertionError(f"no contract has layers for {container}")


def test_the_module_table_names_what_there_is() -> None:
    """Every folder of the package and no other, with nothing beside it that does not exist."""
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    known = {name for name, _ in modules()}
    assert {name for name in module_table() if "." not in name} == folders
    assert set(module_table()) <= known
    for folder, allowed in module_table().items():
        for one in allowed:
            assert one in known or one == "ports" or find_spec(one.split(".")[0]), (folder, one)


def test_modules_import_what_the_table_lets_them() -> None:
    """Which a reader of it may rely on; import-linter checks the same by contracts of its own."""
    folders = sorted(module_table(), key=len, reverse=True)
    wrong = []
    for module, imported in imports().items():
        own = next((folder for folder in folders if within(module, folder)), None)
        if own is not None:
            allowed = permitted(own)
            wrong += [
                f"{module} -> {one}"
                for one in imported
                if not any(within(one, folder) for folder in allowed) and one not in {"", "ports"}
            ]
    assert wrong == []


def test_the_table_and_the_contracts_say_the_same() -> None:
    """The layers name the same folders, and what the table permits is below."""
    layers = layers_of("quartzdb")
    level = {name: number for number, layer in enumerate(layers) for name in layer}
    assert set(level) == {name for name in module_table() if "." not in name}
    for folder, allowed in module_table().items():
        for one in allowed:
            own, other = folder.split(".")[0], one.split(".")[0]
            if other in level and own != other:
                assert level[other] > level[own], f"{folder} may not import {one} by the contract"


def test_folders_of_tests_are_listed() -> None:
    """Those that have tests, in CONTRIBUTING.md."""
    listed = {
        name for row in table(ROOT / "CONTRIBUTING.md") for name in re.findall(r"`(tests/[^`]*/)`", row[0])
    }
    folders = {f"tests/{path.name}/" for path in (ROOT / "tests").iterdir() if any(path.rglob("test_*.py"))}
    assert folders <= listed
    assert all((ROOT / name).is_dir() for name in listed)


def test_a_name_of_the_package_means_one_class() -> None:
    """So that a reader who knows one need not ask which."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, path in modules():
        for node in ast.parse(source_of(path)).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(module)
    assert {name: where for name, where in found.items() if len(where) > 1} == {}


def test_no_module_is_named_after_nothing() -> None:
    """Anywhere: a name says what is inside."""
    tracked = ("layers", "functions", "cdk", "local", "benchmarks", "tests")
    paths = [path for folder in tracked for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in paths if NAMES_OF_NOTHING & set(path.stem.split("_"))] == []


@pytest.mark.parametrize("text", DONE_BY_FEW)
def test_what_only_some_modules_do_no_other_does(text: str) -> None:
    """Look at the environment, ask for the time, import faiss, know the name of a tenant."""
    assert {name for name, path in modules() if re.search(text, source_of(path), re.M)} == DONE_BY_FEW[text]


def ports() -> Iterator[tuple[str, str]]:
    """The public Protocols of the modules of ports: the module's path and the name."""
    for path in sorted([*PACKAGE.rglob("ports.py"), *PACKAGE.rglob("port.py")]):
        for node in ast.parse(source_of(path)).body:
            if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(one) for one in node.bases):
                yield path.relative_to(PACKAGE).as_posix(), node.name


def test_the_suites_are_those_of_the_ports() -> None:
    """A new port is named here with its suite, or with the reason why it has none."""
    expected = {(path, name) for path, suites in SUITES.items() for name in suites}
    assert {(path, name) for path, name in ports() if name not in WITHOUT_SUITE} == expected
    assert set(WITHOUT_SUITE) <= {name for _, name in ports()}


@pytest.mark.parametrize(("port", "suite"), [pair for suites in SUITES.values() for pair in suites.items()])
def test_every_port_has_a_suite(port: str, suite: str) -> None:
    """Run on every adapter; it names the port."""
    said = [source_of(path) for path in CONTRACTS.glob(suite)]
    assert any(re.search(rf"\b{port}\b", text) for text in said), f"no {suite} speaks of {port}"
