"""A tenant's name becomes part of keys and paths: what could be taken for another one's is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.namespace import NamespaceSettings
from tests.embedded import embedded


@pytest.mark.parametrize("tenant", ["", "a#b", "a/b", "../a", ".a", "a b", "ä", "a\n", "a" * 64])
def test_what_breaks_keys_is_no_tenant(tmp_path: Path, tenant: str) -> None:
    """Neither a namespace nor a key is made for it, and nothing is stored."""
    database = embedded(tmp_path / "data").open()
    with pytest.raises(InvalidArgument, match="is no tenant") as refused:
        database.namespaces.create(tenant, "n", NamespaceSettings())
    assert refused.value.field == "tenant"
    with pytest.raises(InvalidArgument, match="is no tenant"):
        database.api_keys.create(tenant, "ci", ["read"])
    assert database.catalog.all_namespaces() == []
    assert database.api_keys.list(tenant) == []


@pytest.mark.parametrize("tenant", ["a", "01hzx3v9k2", "Acme-1.eu_west", "a" * 63])
def test_names_that_others_make_are_fine(tmp_path: Path, tenant: str) -> None:
    """Letters, digits, and what stands between them in ids."""
    database = embedded(tmp_path / "data").open()
    assert database.namespaces.create(tenant, "n", NamespaceSettings())[1]
    _, text = database.api_keys.create(tenant, "ci", ["read"])
    assert database.api_keys.authenticate(text).tenant == tenant
