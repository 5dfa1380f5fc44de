"""Our words are spelled one way, in prose: the glossary's, and names of what we build on."""

from __future__ import annotations

import re

import pytest

from docsite.links import prose
from docsite.sources import written

VARIANTS = {
    "QuartzDB": r"Quartz DB|Quartz-DB|QuartzDb|Quartzdb|quartzDB",
    "namespace": r"(?i)\bname[- ]spaces?\b",
    "metadata": r"(?i)\bmeta[- ]data\b",
    "key-value": r"(?i)\bkey/values?\b|\bkeyvalues?\b|\bkey–values?\b",
    "tombstone": r"(?i)\btomb[- ]stones?\b",
    "upsert": r"(?i)\bup-serts?\b",
    "top_k": r"(?i)\btop-k\b|\btopk\b",
    "failover": r"(?i)\bfail-overs?\b",
    "failback": r"(?i)\bfail-backs?\b",
    "DynamoDB": r"Dynamo DB|DynamoDb|\bDynamodb\b",
    "CloudFront": r"Cloud Front|\bCloudfront\b",
    "SQLite": r"\bSqlite\b|\bSQLLite\b|\bSQlite\b",
    "JavaScript": r"\bJavascript\b|\bJava Script\b",
    "TypeScript": r"\bTypescript\b",
    "OpenAPI": r"\bOpenApi\b|\bOpen API\b",
    "licence": r"\blicense[sd]?\b",
}
"""How a word is written, and how it is not."""
_CODE = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)|\]\([^)]*\)|<[^>]+>|https?://\S+", re.DOTALL)
PAGES = written()


def misspelled(text: str) -> list[str]:
    """Variants in the prose of a page, with what they should be."""
    words = "\n".join(_CODE.sub(" ", piece) for is_prose, piece in prose(text) if is_prose)
    return [
        f"{found[0]!r}: {word}"
        for word, variants in VARIANTS.items()
        for found in re.finditer(variants, words)
    ]


@pytest.mark.parametrize("name", PAGES)
def test_words_are_spelled_one_way(name: str) -> None:
    """Code, links and quoted names are as they are."""
    assert misspelled(PAGES[name].read_text("utf-8")) == []


def test_a_variant_is_found() -> None:
    """In prose, and in prose alone."""
    assert misspelled("A name space of Dynamodb.") == ["'name space': namespace", "'Dynamodb': DynamoDB"]
    assert misspelled("`top-k` and [x](top-k.md)\n\n```sh\nname space\n```\n") == []
