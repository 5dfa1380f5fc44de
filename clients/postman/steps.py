"""The requests of the collection, in order: each finds what those before it made, and the last ones leave nothing."""

from __future__ import annotations

from clients.postman.step import Folder, Step

_BOOKS = [
    {
        "id": "dune",
        "vector": [0.9, 0.1, 0],
        "metadata": {"title": "Dune, a desert planet", "year": 1965, "tags": ["desert"]},
    },
    {"id": "emma", "vector": [0, 0.2, 0.9], "metadata": {"title": "Emma", "year": 1815, "tags": ["village"]}},
    {"id": "ubik", "vector": [0.8, 0.3, 0.1], "metadata": {"title": "Ubik", "year": 1969, "tags": ["city"]}},
]
_IDS = "answer.matches.map(match => match.id)"

FOLDERS = (
    Folder(
        "Namespaces",
        "A namespace has one dimension and one metric. Creating the same one again is no error.",
        [
            Step("get_health", key=None, expects=[("answer.status", '"healthy"')]),
            Step(
                "create_namespace",
                example="vectors",
                body={"name": "{{namespace}}"},
                status=[200, 201],
                expects=[("answer.name", 'pm.variables.get("namespace")'), ("answer.dimension", "3")],
            ),
            Step(
                "create_namespace",
                "Create one of words alone",
                example="text",
                body={"name": "{{namespace}}-notes"},
                status=[200, 201],
                expects=[("answer.dimension", "null")],
            ),
            Step(
                "list_namespaces",
                query={"prefix": "{{namespace}}"},
                expects=[("answer.namespaces.length", "2"), ("answer.cursor", "null")],
            ),
            Step("describe_namespace", expects=[("answer.metric", '"cosine"')]),
        ],
    ),
    Folder(
        "Records",
        "An id, a vector and metadata. What is written can be searched at once.",
        [
            Step(
                "upsert_vectors",
                example="numbers",
                expects=[("answer.upserted", "1")],
                remembers={"version": "answer.version"},
            ),
            Step(
                "upsert_vectors",
                "Upsert a vector in base64, after a version",
                example="base64",
                body={"version": "{{version}}"},
            ),
            Step("upsert_vectors", "Upsert a record that expires", example="expiring"),
            Step(
                "upsert_vectors",
                "Upsert three books",
                body={"vectors": _BOOKS},
                expects=[("answer.upserted", "3"), ("answer.usage.write_units", "3")],
                remembers={"version": "answer.version"},
            ),
            Step(
                "fetch_vector",
                path={"id": "dune"},
                query={"version": "{{version}}"},
                expects=[("answer.metadata.year", "1965"), ("answer.vector.length", "3")],
                remembers={"recordVersion": "answer.version"},
            ),
            Step(
                "fetch_vectors",
                example="some",
                expects=[
                    ("answer.records.map(record => record.id)", '["dune", "emma"]'),
                    ("answer.missing", "[]"),
                ],
            ),
            Step("list_vectors", expects=[("answer.ids", '["dune", "emma", "ubik"]')]),
            Step("list_records", example="all", expects=[("answer.records.length", "3")]),
            Step(
                "list_records",
                "List the newest of the desert",
                example="newest",
                expects=[("answer.records[0].metadata", "{year: 1965}")],
            ),
            Step("count_vectors", example="all", expects=[("answer.count", "3")]),
            Step("count_vectors", "Count some", example="some", expects=[("answer.count", "2")]),
        ],
    ),
    Folder(
        "Query",
        "The nearest by a vector or a record, by words, or by both; in groups, or page by page.",
        [
            Step("query_vectors", "Query by vector", example="vector", expects=[(_IDS, '["dune", "ubik"]')]),
            Step("query_vectors", "Query by id", example="id", expects=[("answer.matches[0].id", '"dune"')]),
            Step("query_vectors", "Query with less recall", example="recall"),
            Step(
                "query_vectors",
                "Query with a floor of recall",
                example="min_recall",
                expects=[("answer.performance.promised_recall", "1")],
            ),
            Step("query_vectors", "Query by words", example="text", expects=[(_IDS, '["dune"]')]),
            Step(
                "query_vectors",
                "Query by words and vector",
                example="hybrid",
                expects=[("answer.matches[0].explain.text.rank", "1")],
            ),
            Step(
                "query_vectors",
                "Query for groups",
                example="groups",
                expects=[("answer.groups.map(group => group.value)", '["desert", "city", "village"]')],
            ),
            Step(
                "query_vectors",
                "Query for the best of each year",
                example="distinct",
                expects=[("answer.matches.length", "3")],
            ),
            Step("query_vectors", "Query page by page", example="pages", expects=[("answer.cursor", "null")]),
            Step(
                "query_vectors",
                "Query for the first page",
                body={"vector": [1, 0, 0], "top_k": 2, "page": True},
                expects=[(_IDS, '["dune", "ubik"]')],
                remembers={"cursor": "answer.cursor"},
            ),
            Step(
                "query_vectors",
                "Query for the second page",
                body={"vector": [1, 0, 0], "top_k": 2, "cursor": "{{cursor}}"},
                expects=[(_IDS, '["emma"]'), ("answer.cursor", "null")],
            ),
            Step("query_vectors_batch", example="two", expects=[("answer.answers.length", "2")]),
        ],
    ),
    Folder(
        "Aggregates",
        "Numbers over metadata, and which fields there are.",
        [
            Step(
                "aggregate_records",
                example="facets",
                expects=[("answer.groups[0].aggregates.tags.length", "3")],
            ),
            Step(
                "aggregate_records",
                "Aggregate by groups",
                example="groups",
                expects=[("answer.records", "2")],
            ),
            Step(
                "describe_fields",
                expects=[("answer.fields.map(field => field.field)", '["tags", "title", "year"]')],
            ),
        ],
    ),
    Folder(
        "Changing records",
        "Metadata in part, by id or by filter; with conditions.",
        [
            Step(
                "patch_vector",
                "Patch a record at its version",
                example="one",
                path={"id": "dune"},
                headers={"If-Match": '"{{recordVersion}}"'},
                expects=[("answer.patched", "1")],
            ),
            Step(
                "patch_vector",
                "Patch a record that has changed since",
                example="one",
                path={"id": "dune"},
                headers={"If-Match": '"{{recordVersion}}"'},
                status=[412],
                expects=[("answer.code", '"precondition_failed"')],
            ),
            Step("patch_vectors", example="one", expects=[("answer.patched", "1")]),
            Step("patch_vectors", "Patch what matches", example="filter", expects=[("answer.patched", "2")]),
            Step(
                "patch_vectors",
                "Patch when records expire",
                example="expiry",
                expects=[("answer.patched", "2")],
            ),
        ],
    ),
    Folder(
        "Key-values",
        "Bytes by key, with expiry and compare-and-set.",
        [
            Step(
                "put_value",
                path={"key": "greeting"},
                text="good morning",
                remembers={"valueVersion": "answer.version"},
            ),
            Step(
                "put_value",
                "Put a value over the one that was read",
                path={"key": "greeting"},
                query={"ttl_seconds": "3600"},
                text="good evening",
                headers={"If-Match": '"{{valueVersion}}"'},
            ),
            Step(
                "put_value",
                "Put a value where there is none",
                path={"key": "greeting"},
                text="good night",
                headers={"If-None-Match": "*"},
                status=[412],
                expects=[("answer.code", '"precondition_failed"')],
            ),
            Step("get_value", path={"key": "greeting"}, expects=[("answer", '"good evening"')]),
            Step("head_value", path={"key": "greeting"}),
            Step("put_values", example="three", expects=[("answer.put", "3")]),
            Step("get_values", example="two", expects=[("answer.missing", '["farewell"]')]),
            Step(
                "list_values",
                query={"values": "true"},
                expects=[("answer.items.map(item => item.key)", '["greeting", "pixel", "settings"]')],
            ),
            Step("delete_value", path={"key": "settings"}, expects=[("answer.deleted", "true")]),
            Step("delete_values", example="two", expects=[("answer.deleted", "1")]),
        ],
    ),
    Folder(
        "Changes",
        "What changed since a cursor.",
        [
            Step(
                "follow_changes",
                query={"from": "beginning", "limit": "2", "include_metadata": "true"},
                expects=[("answer.changes.length", "2"), ("answer.changes[0].id", '"dune"')],
                remembers={"cursor": "answer.cursor"},
            ),
            Step(
                "follow_changes",
                "Follow changes from there",
                query={"cursor": "{{cursor}}"},
                expects=[("answer.more", "false")],
            ),
            Step("follow_key_changes", query={"from": "beginning"}, expects=[("answer.more", "false")]),
        ],
    ),
    Folder(
        "Keys",
        "Scopes are read, write and admin; a key of these requests needs all three.",
        [
            Step(
                "create_key",
                example="reader",
                status=[201],
                expects=[("answer.scopes", '["read"]')],
                remembers={"keyId": "answer.id", "readerKey": "answer.key"},
            ),
            Step(
                "upsert_vectors",
                "Upsert with a key that may only read",
                example="numbers",
                key="{{readerKey}}",
                status=[403],
                expects=[("answer.code", '"forbidden"')],
            ),
            Step(
                "list_keys",
                expects=[('answer.keys.some(key => key.id === pm.variables.get("keyId"))', "true")],
            ),
            Step(
                "rotate_key",
                path={"id": "{{keyId}}"},
                example="a day",
                status=[201],
                remembers={"nextKeyId": "answer.id"},
            ),
            Step("revoke_key", path={"id": "{{nextKeyId}}"}, expects=[("answer.revoked", "true")]),
            Step(
                "revoke_key",
                "Revoke the one before it",
                path={"id": "{{keyId}}"},
                expects=[("answer.revoked", "true")],
            ),
        ],
    ),
    Folder(
        "What is wrong",
        "Problem documents: a stable `code`, the `field`, and a `hint`.",
        [
            Step(
                "query_vectors",
                "Query by a vector of another dimension",
                body={"vector": [1, 0]},
                status=[400],
                expects=[("answer.code", '"dimension_mismatch"'), ("answer.field", '"vector"')],
            ),
            Step(
                "fetch_vector",
                "Fetch a record that is not there",
                path={"id": "nobody"},
                status=[404],
                expects=[("answer.code", '"record_not_found"')],
            ),
            Step(
                "list_namespaces",
                "List namespaces with a key that is none",
                key="qdb_live_none",
                status=[401],
                expects=[("answer.code", '"unauthenticated"')],
            ),
        ],
    ),
    Folder(
        "Deletion",
        "Deleted is not found any more; erased is also gone from the files, which is reported.",
        [
            Step("delete_vector", path={"id": "ubik"}, expects=[("answer.deleted", "1")]),
            Step(
                "erase",
                "Erase what matches",
                example="filter",
                status=[202],
                expects=[("answer.deleted", "1")],
                remembers={"erasure": "answer.id"},
            ),
            Step("erase", "Erase records by ids", example="ids", status=[202]),
            Step("erase", "Erase key-values", example="keys", status=[202]),
            Step("list_erasures", expects=[("answer.erasures.length", "3")]),
            Step(
                "describe_erasure",
                path={"id": "{{erasure}}"},
                expects=[("answer.id", 'pm.variables.get("erasure")')],
            ),
            Step("delete_vectors", example="ids", expects=[("answer.deleted", "0")]),
            Step(
                "delete_vectors", "Delete what matches", example="filter", expects=[("answer.more", "false")]
            ),
            Step("get_usage", query={"prefix": "{{namespace}}"}, expects=[("answer.cursor", "null")]),
            Step("delete_namespace"),
            Step(
                "delete_namespace",
                "Delete the namespace of words",
                path={"namespace": "{{namespace}}-notes"},
            ),
            Step(
                "describe_namespace",
                "Describe a namespace that is gone",
                status=[404],
                expects=[("answer.code", '"namespace_not_found"')],
            ),
        ],
    ),
)
"""All of them. Every operation of the document is in one, and every example of a body."""
