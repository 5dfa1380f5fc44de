"""The page of the API: a renderer that was looked at, and a sample for each operation. tests/site/ runs the samples."""

from __future__ import annotations

import hashlib

import pytest

from docsite.samples.document import FILE, document, text
from docsite.vendored import FOLDER, SHA256, Refused, take
from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES


def test_the_samples_are_those_of_the_scenarios() -> None:
    """`python -m docsite.samples` writes them again."""
    assert FILE.read_text("utf-8") == text()


def test_every_operation_of_the_database_has_samples() -> None:
    """In four languages where clients have a method for it."""
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
    assert {len(samples) for samples in found.values()} == {1, 4}


def test_the_renderer_is_the_one_that_was_looked_at() -> None:
    """Byte for byte, and it names no image of another host."""
    script = (FOLDER / "redoc.standalone.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == SHA256
    assert b"cdn.redoc.ly" not in script
    assert (FOLDER / "redoc.LICENSE.txt").read_text().startswith("The MIT License")


def test_another_package_is_refused(tmp_path: object) -> None:
    """By its hash, before anything is written."""
    with pytest.raises(Refused, match="sha512-"):
        take(b"another package")
