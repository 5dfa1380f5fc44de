"""Routes for the other of two sites: feeds, applying, digests. docs/replication.md is what they follow."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Access, Family, JsonBody, Success
from quartzdb.api.peer import PEER
from quartzdb.api.refusals import BodyTooLarge, FeedGone
from quartzdb.api.routes.vectors import VERSION
from quartzdb.api.schemas import replication as schemas
from quartzdb.api.services import Replication
from quartzdb.domain.errors import InvalidArgument, NotFound
from quartzdb.domain.limits import DIMENSION_MAX, IDS_JSON, KEYS_JSON, WRITE_JSON
from quartzdb.domain.metric import Metric
from quartzdb.replication.ports import Feed, FeedGap, SharedNamespace
from quartzdb.replication.wire.api_key_document import parse_api_keys
from quartzdb.replication.wire.change_document import parse_changes
from quartzdb.replication.wire.declared_document import declared_in
from quartzdb.replication.wire.erasure_document import (
    copy_document,
    erasure_document,
    parse_erasures,
    parse_noted,
)
from quartzdb.replication.wire.grant_document import parse_grants
from quartzdb.replication.wire.limits import (
    BUCKETS,
    CHANGES_MAX,
    ENVELOPE_BYTES_MAX,
    FETCH_IDS_MAX,
    PAGE_BYTES_MAX,
)
from quartzdb.replication.wire.namespace_document import namespace_document
from quartzdb.replication.wire.page_document import applied_document, fetched_document, page_document
from quartzdb.replication.wire.state_document import digests_document, entries_document

FAMILY = Family("replication", "For the other of two sites that hold the same data.")

_REQUEST_BYTES_MAX = PAGE_BYTES_MAX + ENVELOPE_BYTES_MAX
_TARGET_CHARACTERS_MAX = 1_000
"""Of tenants that a line of the audit log names."""
_NOW_MS = 1_790_000_000_000
_DELETE = {"op": "delete", "id": "emma", "version": VERSION}
_UPSERT = {"op": "upsert", "id": "dune", "version": VERSION, "vector": "zczMPc3MTD6amZk+", "metadata": {}}
_OF_FEED = {"tenant": "acme", "namespace": "default", "feed": "records"}
_DIRECTION = {
    "lag_ms": 0,
    "recovery_point_ms": _NOW_MS,
    "pending": 0,
    "last_success_ms": _NOW_MS,
    "unreplayable": 0,
    "stopped": 0,
    "error": None,
}
_ERASURE = {
    "tenant": "acme",
    "namespace": "default",
    "id": "0193f3c2ab4d5b1c9e02aa4f",
    "at_ms": _NOW_MS,
    "records": 2,
    "keys": 0,
    "by_keys": False,
}
_PEER = {
    "site": "cloudflare",
    "kind": "full",
    "state": "level",
    "outbound": _DIRECTION,
    "inbound": _DIRECTION,
    "repair": {"under_way": 0, "last_finished_ms": None, "repaired": 0, "different": 0, "error": None},
}


@FAMILY.operation(
    "GET",
    "/v1/replication/namespaces",
    summary="List shared namespaces",
    scope=Access.PEER,
    answers=(
        Success(
            "What this site shares.",
            schemas.SharedNamespaceList,
            {
                "site": "cloudflare",
                "namespaces": [
                    {"tenant": "acme", "namespace": "default", "dimension": 384, "metric": "cosine"}
                ],
            },
        ),
    ),
)
def list_shared_namespaces(call: Call) -> Answer:
    """Of all tenants, with what both sites must have in common."""
    replica = _served(call).replica
    shared = [namespace_document(one) for one in replica.namespaces()]
    return json_answer({"site": replica.site, "namespaces": shared})


@FAMILY.operation(
    "GET",
    "/v1/replication/changes",
    summary="Read a change feed",
    scope=Access.PEER,
    query=schemas.ReadChanges,
    answers=(
        Success(
            "A page.",
            schemas.FeedPageDocument,
            {"changes": [_UPSERT, _DELETE], "cursor": "2nPz…", "more": False, "through_ms": _NOW_MS},
        ),
    ),
    errors=(404, 410),
)
def read_changes(call: Call) -> Answer:
    """The changes of one namespace, in the order in which this site took them. The cursor moves past what is left out,
    so a page may be empty and still be followed by another. Reading on from one cursor twice is harmless.
    """
    query = call.query(schemas.ReadChanges)
    try:
        page = _served(call).replica.changes(
            _named(query.tenant, query.namespace),
            Feed(query.feed),
            query.cursor,
            limit=query.limit,
            exclude_site=query.exclude_site,
        )
    except FeedGap as gap:
        raise FeedGone(gap.cursor) from gap
    return json_answer(page_document(page))


@FAMILY.operation(
    "POST",
    "/v1/replication/changes",
    summary="Apply changes",
    scope=Access.PEER,
    body=JsonBody(
        schemas.ApplyChanges,
        {
            "records": {
                **_OF_FEED,
                "settings": {"dimension": 3, "metric": "cosine"},
                "changes": [_UPSERT, _DELETE],
            }
        },
        WRITE_JSON,
    ),
    answers=(Success("All are applied, and durable.", schemas.ChangesApplied, {"applied": 1, "known": 1}),),
    errors=(404, 409),
)
def apply_changes(call: Call) -> Answer:
    """Make changes of the other site this site's own, with their versions. Repeating it is harmless. A namespace that
    is not there is created with `settings`. At most 4 MB, or one change that is larger.

    Records are applied all or none. After a 503 keys may be applied in part: send them again.
    """
    body = call.json(schemas.ApplyChanges)
    feed = Feed(body.feed)
    if len(body.changes) > 1 and len(call.body) > _REQUEST_BYTES_MAX:
        raise BodyTooLarge(_REQUEST_BYTES_MAX)
    settings = body.settings
    declared = declared_in({"text": settings.text, "sparse": settings.sparse}, "settings")
    namespace = SharedNamespace(
        body.tenant, body.namespace, _dimension(settings), Metric(settings.metric), declared
    )
    changes = parse_changes(body.changes, feed, most=CHANGES_MAX)
    applied = _served(call).replica.apply(namespace, feed, changes)
    return json_answer(applied_document(applied))


@FAMILY.operation(
    "GET",
    "/v1/replication/digests",
    summary="Get digests",
    scope=Access.PEER,
    query=schemas.OfFeed,
    answers=(
        Success(
            "256 buckets.",
            schemas.DigestsDocument,
            {"digests": [[0, 0]] * (BUCKETS - 1) + [[1, 2847109213]], "through_ms": _NOW_MS},
        ),
    ),
    errors=(404,),
)
def get_digests(call: Call) -> Answer:
    """How many live records or keys there are by the first byte of the SHA-256 of their id, and the sum of the hashes
    of their versions. Equal digests mean equal data.
    """
    query = call.query(schemas.OfFeed)
    digests = _served(call).replica.digests(_named(query.tenant, query.namespace), Feed(query.feed))
    return json_answer(digests_document(digests))


@FAMILY.operation(
    "GET",
    "/v1/replication/digests/{bucket}",
    summary="List the states behind a digest",
    scope=Access.PEER,
    query=schemas.ReadEntries,
    answers=(
        Success(
            "A page.",
            schemas.Entries,
            {
                "entries": [["dune", VERSION, {"year": VERSION}, True], ["emma", VERSION, {}, False]],
                "more": False,
            },
        ),
    ),
    errors=(404,),
)
def list_states(call: Call) -> Answer:
    """By id, tombstones that are still known included: versions only."""
    query = call.query(schemas.ReadEntries)
    page = _served(call).replica.entries(
        _named(query.tenant, query.namespace),
        Feed(query.feed),
        _bucket(call.parameters["bucket"]),
        after=query.after,
        limit=query.limit,
    )
    return json_answer(entries_document(page))


@FAMILY.operation(
    "POST",
    "/v1/replication/fetch",
    summary="Fetch present states",
    scope=Access.PEER,
    body=JsonBody(schemas.FetchStates, {"two": {**_OF_FEED, "ids": ["dune", "emma"]}}, KEYS_JSON),
    answers=(
        Success(
            "Those that are known.", schemas.StatesFetched, {"changes": [_UPSERT, _DELETE], "more": False}
        ),
    ),
    errors=(404,),
)
def fetch_states(call: Call) -> Answer:
    """The changes that make the present state of each id, tombstones included; an unknown id gives none. Where they
    come to 4 MB the answer says `more`: ask again for the ids that are missing.
    """
    body = call.json(schemas.FetchStates)
    if not 1 <= len(body.ids) <= FETCH_IDS_MAX:
        raise InvalidArgument(f"Name 1 to {FETCH_IDS_MAX} ids, not {len(body.ids)}.", field="ids")
    changes, more = _served(call).replica.fetch_page(
        _named(body.tenant, body.namespace), Feed(body.feed), body.ids
    )
    return json_answer(fetched_document(changes, more))


@FAMILY.operation(
    "GET",
    "/v1/replication/erasures",
    summary="List erasures that wait for the other site",
    scope=Access.PEER,
    answers=(Success("Some of them.", schemas.ErasuresWaiting, {"erasures": [_ERASURE]}),),
)
def list_waiting_erasures(call: Call) -> Answer:
    """Of all shared namespaces. One is in the list until the other site has said that its copy is gone."""
    waiting = _served(call).erasures.erasures_waiting()
    return json_answer({"erasures": [erasure_document(one) for one in waiting]})


@FAMILY.operation(
    "POST",
    "/v1/replication/erasures",
    summary="Do the other site's erasures",
    scope=Access.PEER,
    body=JsonBody(schemas.EraseShared, {"one": {"erasures": [_ERASURE]}}, KEYS_JSON),
    answers=(
        Success(
            "How far each is.",
            schemas.ErasuresTold,
            {
                "copies": [
                    {
                        "gone_ms": None,
                        "until_ms": None,
                        "why": "the other site has begun to rewrite its files",
                    }
                ]
            },
        ),
    ),
    errors=(404,),
)
def do_erasures(call: Call) -> Answer:
    """Whatever is dead by now in these namespaces leaves their files. Ask once this site has the deletions. Asking
    again only tells how far each is.
    """
    asked = parse_erasures(call.json(schemas.EraseShared).erasures)
    copies = _served(call).erasures.erase(asked)
    return json_answer({"copies": [copy_document(one) for one in copies]})


@FAMILY.operation(
    "PUT",
    "/v1/replication/erasures",
    summary="Say how far erasures are at the other site",
    scope=Access.PEER,
    body=JsonBody(
        schemas.EraseShared,
        {"one": {"erasures": [{**_ERASURE, "gone_ms": _NOW_MS, "until_ms": None, "why": None}]}},
        KEYS_JSON,
    ),
    answers=(Success("It is in their reports.", schemas.ErasuresNoted, {"noted": 1}),),
    errors=(404,),
)
def note_erasures(call: Call) -> Answer:
    """Of this site's own. Those that are not known here are passed over."""
    told = parse_noted(call.json(schemas.EraseShared).erasures)
    _served(call).erasures.note_erased(told)
    return json_answer({"noted": len(told)})


@FAMILY.operation(
    "PUT",
    "/v1/replication/api-keys",
    audit="key.replicate",
    summary="Take over API keys",
    scope=Access.PEER,
    body=JsonBody(
        schemas.TakeApiKeys,
        {
            "one": {
                "keys": [
                    {
                        "id": "5f2b8c0d91ae",
                        "tenant": "acme",
                        "name": "the website",
                        "scopes": ["read"],
                        "secret_sha256": "00" * 32,
                        "created_at_ms": _NOW_MS,
                        "expires_at_ms": None,
                        "revoked_at_ms": None,
                    }
                ]
            }
        },
        IDS_JSON,
    ),
    answers=(Success("They are known here.", schemas.ApiKeysTaken, {"applied": 1}),),
    errors=(403, 404, 409),
)
def take_api_keys(call: Call) -> Answer:
    """Hashes only. A key that is there keeps its revocation. Refused by the site that manages the keys, and (403) where
    this site knows whose signature has to be on them and it is not.
    """
    body = call.json(schemas.TakeApiKeys)
    served = _served(call)
    keys = parse_api_keys(served.statements.documents("api-keys", body.keys, body.signed, body.signature))
    call.trace.target = ",".join(key.id[:12] for key in keys)
    return json_answer({"applied": served.replica.apply_api_keys(keys)})


@FAMILY.operation(
    "PUT",
    "/v1/replication/grants",
    audit="grant.replicate",
    summary="Take over grants of tenants",
    scope=Access.PEER,
    body=JsonBody(
        schemas.TakeGrants,
        {
            "one": {
                "signed": '{"kind":"grants","from":"aws","for":"cloudflare","signed_at_ms":1790000000000,"documents":'
                '[{"tenant":"acme","revision":7,"grant":{"status":"read_only"}}]}',
                "signature": "c2lnbmF0dXJl",
            }
        },
        IDS_JSON,
    ),
    answers=(Success("They hold here.", schemas.GrantsTaken, {"applied": 1}),),
    errors=(403, 404, 409),
)
def take_grants(call: Call) -> Answer:
    """Signed by the other site, wherever: the secret of the two sites gives nobody a grant. Of two of one tenant the
    one with the higher revision holds. A tenant that is to be gone has no key any more. Refused by the site that gives
    the grants, and (403) where this site knows nobody whose signature would be good.
    """
    body = call.json(schemas.TakeGrants)
    served = _served(call)
    grants = parse_grants(served.statements.signed("grants", body.signed, body.signature))
    call.trace.target = ",".join(grant.tenant for grant in grants)[:_TARGET_CHARACTERS_MAX]
    return json_answer({"applied": served.replica.apply_grants(grants)})


@FAMILY.operation(
    "GET",
    "/v1/replication/status",
    summary="See how replication stands",
    scope=Access.PEER_OR_ADMIN,
    answers=(
        Success(
            "What this site knows.",
            schemas.ReplicationState,
            {"site": "aws", "now_ms": _NOW_MS, "peers": [_PEER]},
        ),
    ),
    errors=(404,),
)
def get_replication_status(call: Call) -> Answer:
    """Of both directions: how old the oldest change is that one site has and the other has not, and what stands in the
    way. With an API key: of that key's tenant.
    """
    served = _served(call)
    tenant = None if call.principal is PEER else call.principal.tenant
    if served.status is not None:
        return json_answer(dict(served.status.document(tenant)))
    now_ms = call.services.clock.unix_ms()
    return json_answer({"site": served.replica.site, "now_ms": now_ms, "peers": []})


def _served(call: Call) -> Replication:
    served = call.services.replication
    if served is None:
        raise NotFound("This site replicates with no other.")
    return served


def _named(tenant: str, namespace: str) -> SharedNamespace:
    """A namespace to be looked at: by its name alone."""
    return SharedNamespace(tenant, namespace, None, Metric.COSINE)


def _dimension(settings: schemas.SharedSettings) -> int | None:
    if settings.dimension is not None and not 1 <= settings.dimension <= DIMENSION_MAX:
        raise InvalidArgument(f"A dimension is 1 to {DIMENSION_MAX}.", field="settings.dimension")
    return settings.dimension


def _bucket(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) < BUCKETS):
        raise InvalidArgument(f"A bucket is 0 to {BUCKETS - 1}, not {text[:80]!r}.", field="bucket")
    return int(text)
