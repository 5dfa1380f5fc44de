"""Where each program of a Markdown file is run, and which are not, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from docsite.sources import DOCS, ROOT
from tests.docs.commands import only_makes_or_installs
from tests.docs.examples import PROGRAMS, SHELL_AND_PYTHON, Block, blocks, every_block

SHELL_NOT_RUN: Mapping[str, str] = {
    "CONTRIBUTING.md": "runs the tests",
    "benchmarks/README.md": "measurements take hours",
    "clients/postman/README.md": "tests/clients runs the collection",
    "cloudflare/README.md": "an account of Cloudflare",
    "docs/benchmarks-text.md": "measurements take hours",
    "docs/benchmarks.md": "measurements take hours",
    "docs/billing.md": "a deployment and a Stripe account",
    "docs/console.md": "operators' commands on a platform; tests/platform runs them",
    "docs/diagrams/README.md": "draws the diagrams",
    "docs/integrations.md": "installs packages; tests/integrations runs each of its programs",
    "docs/layers.md": "builds the layers",
    "docs/plans.md": "operators' commands on a platform; tests/platform runs them",
    "docs/platform.md": "a platform; tests/platform runs its quickstart",
    "docs/releasing.md": "publishes",
    "docs/runbook.md": "an account of AWS; tests/infrastructure holds its commands to what is deployed",
    "docs/site.md": "builds the site",
    "integrations/mcp/README.md": "servers that wait for agents; tests/integrations/mcp starts them",
    "integrations/nextjs-starter/README.md": "make test-starter builds and asks it",
    "local/stripe/README.md": "a server that does not end; tests/platform starts it",
}
"""Files of which no block of sh is run. Their commands are still looked at: tests/docs/commands.py."""

RUN_BY: Mapping[tuple[str, str], str] = {
    ("clients/python/README.md", "python"): "tests/clients/test_packages.py",
    ("docs/integrations.md", "python"): "tests/integrations/langchain/test_readme.py",
    ("docs/integrations.md", "ts"): "tests/integrations/test_npm_packages.py",
    ("integrations/haystack/README.md", "python"): "tests/integrations/haystack/test_readme.py",
    ("integrations/langchain/README.md", "python"): "tests/integrations/langchain/test_readme.py",
    ("integrations/llama-index/README.md", "python"): "tests/integrations/llama_index/test_readme.py",
    ("integrations/mastra/README.md", "ts"): "tests/integrations/test_npm_packages.py",
    ("integrations/mcp/README.md", "python"): "tests/integrations/mcp/test_readme.py",
    ("integrations/vercel-ai/README.md", "ts"): "tests/integrations/test_npm_packages.py",
}
"""Programs that the tests of a package run, in that package's own environment: file and language."""


def name(file: Path) -> str:
    """Of a file, below the repository."""
    return str(file.relative_to(ROOT))


def is_tour(block: Block) -> bool:
    """The README's block of requests, which goes on from a server that was started by hand."""
    return block.code.startswith("URL=")


def run_as_examples(file: Path) -> list[Block]:
    """What tests/docs/test_examples.py runs of a file: sh and Python of the pages."""
    if not file.is_relative_to(DOCS):
        return []
    return [
        one
        for one in blocks(file)
        if one.reason is None
        and (name(file), one.language) not in RUN_BY
        and not (one.language == "sh" and name(file) in SHELL_NOT_RUN)
    ]


def run_as_programs(file: Path) -> list[Block]:
    """What tests/site/test_programs.py runs of a file: JavaScript, TypeScript and Rust."""
    return [
        one
        for one in blocks(file, PROGRAMS)
        if one.reason is None and (name(file), one.language) not in RUN_BY
    ]


def nowhere(file: Path) -> list[Block]:
    """Programs that no test runs and that give no reason."""
    run = [*run_as_examples(file), *run_as_programs(file)]
    return [
        one
        for one in every_block(file)
        if one.language in (*SHELL_AND_PYTHON, *PROGRAMS)
        and one not in run
        and one.reason is None
        and (name(file), one.language) not in RUN_BY
        and not (one.language == "sh" and (name(file) in SHELL_NOT_RUN or only_makes_or_installs(one.code)))
        and not (name(file) == "README.md" and is_tour(one))
    ]
