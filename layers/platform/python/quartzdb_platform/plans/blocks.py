"""What is refused to an organization's projects for now, and why. Kept here until it is published with the grants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import NamedTuple

from quartzdb.domain.grant import Block
from quartzdb_platform.accounts import store
from quartzdb_platform.plans.pending import mark
from quartzdb_platform.plans.unlooked import note_for
from quartzdb_platform.ports import Change, Delete, DocumentTable, Put
from quartzdb_platform.transaction import change

_PREFIX = "block#"


class Blocked(StrEnum):
    """What is refused."""

    READS = "reads"
    WRITES = "writes"


class Where(NamedTuple):
    """Of which project, None for all of the organization, what is refused."""

    what: Blocked
    project_id: str | None = None


class Blocks:
    """By organization."""

    def __init__(self, table: DocumentTable) -> None:
        self._table = table

    def of(self, organization_id: str) -> Mapping[Where, Block]:
        """All that stand."""
        pk = store.organization_pk(organization_id)
        found = self._table.query(pk, _PREFIX, limit=store.LISTED_MAX)
        return {_where(document.sk): Block(**document.body) for document in found}

    def set(self, organization_id: str, where: Where, block: Block | None) -> bool:
        """Have it so, None for no block; whether that is a change. The grants have to be published then."""

        def decide() -> tuple[bool, Sequence[Change]]:
            pk, sk = store.organization_pk(organization_id), _sk(where)
            found = self._table.get(pk, sk)
            present = None if found is None else Block(**found.body)
            if present == block:
                return False, ()
            noted = mark(self._table, organization_id)
            if block is not None:
                revision = None if found is None else found.revision
                ends = (
                    [] if block.until_ms is None else note_for(self._table, organization_id, block.until_ms)
                )
                return True, [Put(pk, sk, asdict(block), revision), noted, *ends]
            assert found is not None
            return True, [Delete(pk, sk, found.revision), noted]

        return change(self._table, decide)


def block_of(blocks: Mapping[Where, Block], what: Blocked, project_id: str) -> Block | None:
    """What stands against a project: its own block, else the organization's."""
    return blocks.get(Where(what, project_id)) or blocks.get(Where(what))


def _sk(where: Where) -> str:
    return f"{_PREFIX}{where.what.value}#{where.project_id or ''}"


def _where(sk: str) -> Where:
    what, _, project_id = sk.removeprefix(_PREFIX).partition("#")
    return Where(Blocked(what), project_id or None)
