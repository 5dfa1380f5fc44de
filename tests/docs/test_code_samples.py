"""A sample for each operation of the API. tests/site/ runs them."""

from __future__ import annotations

from docsite.samples.document import FILE, document, text
from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES


def test_the_samples_are_those_of_the_scenarios() -> None:
    """`python -m docsite.samples` writes them again."""
    assert FILE.read_text("utf-8") == text()


def test_every_operation_of_the_database_has_samples() -> None:
    """In four languages."""
    described = describe(FAMILIES, title="", version="")["paths"]
    operations = {
        one["operationId"]
        for path, methods in described.items()
        for one in methods.values()
        if path.startswith("/v1/") and "x-scope" in one and one["x-scope"] in ("read", "write", "admin")
    }
    shared = {"list_shared_namespaces", "get_replication_status"}
    found = document()
    assert operations - set(found) - shared == set()
    assert {len(samples) for samples in found.values()} == {4}
