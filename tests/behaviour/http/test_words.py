"""Messages speak of what was sent, in JSON's words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.http.client import Client

PYTHON = ("NoneType", "dict", "list,", "str ", "bool,", "tuple", "Python", "None", "True", "False")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"name": "n", "dimension": 2.5}, "This must be a whole number, not 2.5."),
        ({"name": "n", "dimension": -0.5}, "This must be a whole number, not -0.5."),
        ({"name": "n", "dimension": "2"}, "This must be a whole number, not a string."),
        ({"name": "n", "dimension": True}, "This must be a whole number, not true."),
        ({"name": "n", "dimension": {}}, "This must be a whole number, not an object."),
        ({"name": 7, "dimension": 2}, "This must be a string, not 7."),
        ({"name": None, "dimension": 2}, "This must be a string, not null."),
        ([], "The body must be an object, not an array."),
        (2.5, "The body must be an object, not 2.5."),
    ],
)
def test_what_was_sent_is_named(http: Client, document: Any, said: str) -> None:
    """A number itself, anything else by its type."""
    answer = http.post("/v1/namespaces", json=document)
    assert (answer.status_code, answer.json()["detail"]) == (400, said)


WRONG: list[Any] = [None, True, 2.5, 7, "x", [], {}, [None], [[]], [{}], {"a": 1}]


@pytest.mark.parametrize("wrong", WRONG, ids=map(repr, WRONG))
def test_no_message_speaks_python(http: Client, wrong: Any) -> None:
    """Whatever is where something else belongs."""
    assert http.post("/v1/namespaces", json={"name": "words", "dimension": 2}).status_code in {200, 201}
    good = {"id": "a", "vector": [1, 0]}
    bodies = [
        ("/v1/namespaces/words/vectors", {"vectors": wrong}),
        ("/v1/namespaces/words/vectors", {"vectors": [wrong]}),
        ("/v1/namespaces/words/vectors", {"vectors": [{**good, "id": wrong}]}),
        ("/v1/namespaces/words/vectors", {"vectors": [{**good, "vector": wrong}]}),
        ("/v1/namespaces/words/vectors", {"vectors": [{**good, "metadata": wrong}]}),
        ("/v1/namespaces/words/query", {"vector": wrong}),
        ("/v1/namespaces/words/query", {"vector": [1, 0], "filter": wrong}),
        ("/v1/namespaces/words/query", {"vector": [1, 0], "filter": {"a": {"$in": wrong}}}),
        ("/v1/namespaces/words/query", {"vector": [1, 0], "top_k": wrong}),
        ("/v1/namespaces/words/vectors/delete", {"ids": wrong}),
        ("/v1/namespaces/words/vectors/fetch", {"ids": wrong}),
    ]
    for path, body in bodies:
        answer = http.post(path, json=body)
        assert answer.status_code < 500
        if answer.status_code >= 400:
            said = f"{answer.json()['detail']} {answer.json().get('hint') or ''}"
            assert not [word for word in PYTHON if word in said], (body, said)
