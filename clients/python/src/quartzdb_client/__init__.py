"""Client of QuartzDB: `Client`, and `AsyncClient` with the same methods to be awaited.

db = Client("http://127.0.0.1:8787", api_key="qdb_live_…")
books = db.create_namespace("books", dimension=3)
books.upsert([{"id": "dune", "vector": [0.9, 0.1, 0.0], "metadata": {"year": 1965}}])
books.query([1, 0, 0], top_k=1, filter={"year": {"$gt": 1960}}).matches[0].id
"""

from __future__ import annotations

from quartzdb_client._async.changes import AsyncChanges
from quartzdb_client._async.client import AsyncClient
from quartzdb_client._async.key_values import AsyncKeyValues
from quartzdb_client._async.keys import AsyncKeys
from quartzdb_client._async.namespace import AsyncNamespace
from quartzdb_client._async.pages import AsyncPages
from quartzdb_client._sync.changes import Changes
from quartzdb_client._sync.client import Client
from quartzdb_client._sync.key_values import KeyValues
from quartzdb_client._sync.keys import Keys
from quartzdb_client._sync.namespace import Namespace
from quartzdb_client._sync.pages import Pages
from quartzdb_client.batches import FailedPart, Report, upsert_many, upsert_many_async
from quartzdb_client.errors import (
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    Forbidden,
    Gone,
    InvalidRequest,
    LimitReached,
    NotFound,
    PreconditionFailed,
    QuartzDBError,
    RateLimited,
    ServerError,
    Unauthenticated,
)
from quartzdb_client.items import Found, Item, ItemChange
from quartzdb_client.moments import NEVER
from quartzdb_client.retries import Retries
from quartzdb_client.version import VERSION

__version__ = VERSION

__all__ = [
    "NEVER",
    "AsyncChanges",
    "AsyncClient",
    "AsyncKeyValues",
    "AsyncKeys",
    "AsyncNamespace",
    "AsyncPages",
    "Changes",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "DeadlineExceeded",
    "FailedPart",
    "Forbidden",
    "Found",
    "Gone",
    "InvalidRequest",
    "Item",
    "ItemChange",
    "KeyValues",
    "Keys",
    "LimitReached",
    "Namespace",
    "NotFound",
    "Pages",
    "PreconditionFailed",
    "QuartzDBError",
    "RateLimited",
    "Report",
    "Retries",
    "ServerError",
    "Unauthenticated",
    "upsert_many",
    "upsert_many_async",
]
