"""The reference of the API is made of its description: every field, with its type, bounds and words."""

from __future__ import annotations

from typing import Any

from docsite.links import ELSEWHERE, links
from docsite.made import PAGES, api
from quartzdb.cli.serve.reference.fields import FieldRow, kind, rows
from quartzdb.cli.serve.reference.operations import groups

SCHEMAS: dict[str, Any] = {
    "Part": {"type": "object", "properties": {"whole": {"$ref": "#/components/schemas/Whole"}}},
    "Whole": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 512, "description": "Of it."},
            "size": {"anyOf": [{"type": "number"}, {"type": "null"}], "minimum": 0.5, "maximum": 1e6},
            "mode": {"enum": ["a", False], "default": "a"},
            "parts": {"type": "array", "maxItems": 9, "items": {"$ref": "#/components/schemas/Part"}},
            "by": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
    },
}


def test_fields_of_a_schema_are_rows_also_those_inside_others() -> None:
    """With bounds that stand beside a choice; what is inside itself is written once."""
    assert rows({"$ref": "#/components/schemas/Whole"}, SCHEMAS) == [
        FieldRow("name", "string, 1 to 512 characters", True, "Of it."),
        FieldRow("size", "number, 0.5 to 1,000,000 or null", False, ""),
        FieldRow("mode", "`a` or `false`", False, "Default: `a`."),
        FieldRow("parts", "array of object, at most 9 of them", False, ""),
        FieldRow("parts[].whole", "object", False, ""),
        FieldRow("by", "object of integer", False, ""),
    ]


def test_a_type_in_words() -> None:
    """Without bounds where there are none."""
    assert kind({}, {}) == "anything"
    assert kind({"type": ["object", "null"]}, {}) == "object or null"
    assert kind({"type": "string", "contentEncoding": "base64", "minLength": 8}, {}) == (
        "string, base64, at least 8 characters"
    )


def test_every_operation_has_its_place() -> None:
    """On one page, and in the list of all, with its method, its path and what its key has to be allowed."""
    document = api._document()
    described = {
        one["operationId"]: f"`{method.upper()} {path}`"
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }
    written = "".join(PAGES[f"api/{group.name}.md"]() for group in groups(document))
    first = api.index()
    for operation, request in described.items():
        assert written.count(f"{{ #{operation} }}") == 1
        assert f"#{operation})" in first
        assert f"\n{request} · needs " in written


def test_what_a_table_shows_is_what_the_schema_says() -> None:
    """Of the commonest body."""
    page = PAGES["api/query.md"]()
    assert "| `top_k` | integer, 1 to 1,000 | Default: `10`. |" in page
    assert "| `queries` | array of object, 1 to 100 of them, **required** |" in page
    assert page.count('=== "Rust"') == 2


def test_links_of_the_pages_go_somewhere() -> None:
    """To pages of docs/, or to each other."""
    for name, page in PAGES.items():
        for link in links(page()) if name.startswith("api/") else ():
            target = link.target.partition("#")[0]
            assert not ELSEWHERE.match(target)
            assert target.startswith("../") or f"api/{target}" in PAGES
