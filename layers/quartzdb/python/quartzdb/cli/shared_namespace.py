"""Whether a namespace is shared with another site: what only a site that knows its peer may do is refused here."""

from __future__ import annotations

from quartzdb.cli.database_location import DatabaseLocation
from quartzdb.cli.failure import CONFLICT, Failure
from quartzdb.cli.replication import open_replication


def refuse_where_shared(location: DatabaseLocation, tenant: str, name: str, *, why: str, hint: str) -> None:
    """Raises Failure where replication has run for the namespace. `why` goes on the sentence."""
    directions = open_replication(location).checkpoints.all_checkpoints()
    if any((one.tenant, one.namespace) == (tenant, name) for one in directions):
        raise Failure(
            f"The namespace {name!r} is shared with another site, {why}.", hint=hint, exit_code=CONFLICT
        )


def refuse_where_tenant_is_shared(location: DatabaseLocation, tenant: str) -> None:
    """Raises Failure where replication has run for any namespace of the tenant."""
    directions = open_replication(location).checkpoints.all_checkpoints()
    shared = sorted({one.namespace for one in directions if one.tenant == tenant})
    if shared:
        raise Failure(
            f"The tenant {tenant!r} is shared with another site ({', '.join(shared)}), which would bring it back.",
            hint="Where API keys are managed, and go to the other site signed, --everywhere deletes it at both. Else "
            "suspend it at both sites, and delete its records and keys: that reaches the other site, too.",
            exit_code=CONFLICT,
        )


def beside_another(location: DatabaseLocation) -> bool:
    """Whether there is another site, as far as was noted here."""
    return bool(open_replication(location).checkpoints.peers())
