"""Maintenance is shared by tenants: one with many namespaces does not keep another's waiting."""

from __future__ import annotations

from pathlib import Path

from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.maintenance.embedded_maintenance import AT_ONCE
from quartzdb.maintenance.policy import EMBEDDED_THRESHOLDS
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, write

MANY = 2 * AT_ONCE + 3


def with_unfolded_rows(database: Database, tenant: str, count: int) -> list[Namespace]:
    namespaces = [
        database.namespaces.create(tenant, f"n{number:02}", NamespaceSettings(8))[0]
        for number in range(count)
    ]
    for namespace in namespaces:
        write(database, namespace, range(10))
    return namespaces


def folded(database: Database, namespaces: list[Namespace]) -> list[str]:
    return [one.name for one in namespaces if database.store.pointer(one.partition) is not None]


def test_tenants_take_turns(tmp_path: Path) -> None:
    """Some of the many's are folded in each pass, each in its turn; the other's only one is not left for the end."""
    place = embedded(tmp_path / "data")
    database = place.open()
    many = with_unfolded_rows(database, "many", MANY)
    one = with_unfolded_rows(database, "one", 1)
    database.maintenance.run_once()  # sees what waits
    place.clock.sleep(EMBEDDED_THRESHOLDS.fold_after_ms / 1000 + 1)
    assert database.maintenance.run_once()
    assert folded(database, one) == ["n00"]
    assert folded(database, many) == [namespace.name for namespace in many[:AT_ONCE]]
    write(database, many[0], range(10, 20))
    assert database.maintenance.run_once()
    assert database.maintenance.run_once()
    assert len(folded(database, many)) == MANY


def test_a_tenant_that_is_alone_waits_for_nobody(tmp_path: Path) -> None:
    """All of its namespaces are folded in one pass."""
    place = embedded(tmp_path / "data")
    database = place.open()
    many = with_unfolded_rows(database, "many", MANY)
    database.maintenance.run_once()
    place.clock.sleep(EMBEDDED_THRESHOLDS.fold_after_ms / 1000 + 1)
    database.maintenance.run_once()
    assert len(folded(database, many)) == MANY
