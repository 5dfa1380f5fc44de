"""Names and numbers for the command line, which does without the tools themselves: loading those takes a second."""

from __future__ import annotations

READING = ("search", "fetch", "list", "list_namespaces", "describe_namespace", "get_value")
WRITING = ("upsert", "delete", "put_value")
ANSWER_CHARACTERS = 40_000
"""Of an answer as JSON, some 10,000 tokens. Metadata of one record has 32 KiB at most, so one always fits."""
ANSWER_CHARACTERS_MIN = 2_000
ANSWER_CHARACTERS_MAX = 1_000_000
