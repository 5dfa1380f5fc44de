"""Shares: what each key and each tenant has of this process, in requests under way and in bytes held for them.

Nobody's share is all of it, so one key that sends without end, or never reads, leaves room for the tenant's others; and
a tenant with as many keys as it likes leaves room for other tenants.
"""

from __future__ import annotations

import threading

from quartzdb.api.refusals import Overloaded, TooManyUnderWay


class Shares:
    """Of one process. Thread-safe: bodies are held on the event loop, and what they inflate to in threads.

    `bytes_max`: of all requests together, of which one key has at most half and one tenant three quarters.
    `requests_of_key_max`, `requests_of_tenant_max`: under way at one time.
    """

    def __init__(self, *, bytes_max: int, requests_of_key_max: int, requests_of_tenant_max: int) -> None:
        self.bytes_max = bytes_max
        self.requests_of_key_max = requests_of_key_max
        self.requests_of_tenant_max = requests_of_tenant_max
        self.held = 0
        self.of_key: dict[tuple[str, str], _Holder] = {}
        self.of_tenant: dict[str, _Holder] = {}
        self.lock = threading.Lock()

    def begin(self, tenant: str, key_id: str) -> Share:
        """A request of a key. Whoever begins it ends it. Raises TooManyUnderWay."""
        with self.lock:
            of_key = self.of_key.get((tenant, key_id)) or _Holder()
            if of_key.requests >= self.requests_of_key_max:
                raise TooManyUnderWay("key", self.requests_of_key_max)
            of_tenant = self.of_tenant.get(tenant) or _Holder()
            if of_tenant.requests >= self.requests_of_tenant_max:
                raise TooManyUnderWay("tenant", self.requests_of_tenant_max)
            self.of_key[tenant, key_id] = of_key
            self.of_tenant[tenant] = of_tenant
            of_key.requests += 1
            of_tenant.requests += 1
        return Share(self, (tenant, key_id), of_key, of_tenant)


class _Holder:
    __slots__ = ("held", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.held = 0


class Share:
    """One request's part."""

    __slots__ = ("_held", "_key", "_of_key", "_of_tenant", "_shares")

    def __init__(self, shares: Shares, key: tuple[str, str], of_key: _Holder, of_tenant: _Holder) -> None:
        self._shares = shares
        self._key = key
        self._of_key = of_key
        self._of_tenant = of_tenant
        self._held = 0

    def hold(self, size: int) -> None:
        """So many bytes more, until the end. Raises Overloaded."""
        shares, of_key, of_tenant = self._shares, self._of_key, self._of_tenant
        with shares.lock:
            if (
                shares.held + size > shares.bytes_max
                or of_key.held + size > shares.bytes_max // 2
                or of_tenant.held + size > shares.bytes_max // 4 * 3
            ):
                raise Overloaded("Too many large requests are under way.", hint="Try again in a moment.")
            shares.held += size
            of_key.held += size
            of_tenant.held += size
            self._held += size

    @property
    def held(self) -> int:
        """How many bytes are held."""
        return self._held

    def give_back(self, size: int) -> None:
        """So many of them are not needed any more."""
        shares, of_key, of_tenant = self._shares, self._of_key, self._of_tenant
        with shares.lock:
            shares.held -= size
            of_key.held -= size
            of_tenant.held -= size
            self._held -= size

    def end(self) -> None:
        """Nothing of it is needed any more."""
        shares, of_key, of_tenant = self._shares, self._of_key, self._of_tenant
        with shares.lock:
            shares.held -= self._held
            of_key.held -= self._held
            of_tenant.held -= self._held
            self._held = 0
            of_key.requests -= 1
            if not of_key.requests:
                del shares.of_key[self._key]
            of_tenant.requests -= 1
            if not of_tenant.requests:
                del shares.of_tenant[self._key[0]]
