"""RFC 2743 §2.2.8, §2.2.9: claims, the right to import a token once, and the store in this process.

A claim is a random secret under a name. Whoever erases it has imported the token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from itertools import islice
from threading import Lock
from typing import Protocol

from puregss.base import era
from puregss.base.errors import GSSError
from puregss.base.ports import Entropy
from puregss.transfer.minor import TransferMinor
from puregss.transfer.token import DomainKind, name_expiry


class ClaimStore(Protocol):
    """Where the claims of one domain lie. Every failure is a GSSError that names the store."""

    kind: DomainKind
    one_machine: bool
    """Whether exporter and importer share a machine: expiry then counts on the clock that does not jump."""

    def place(self) -> bytes:
        """What tells this store from others of its kind; checks first that it is safe to use."""

    def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        """Create a claim for `ttl` milliseconds, never over another.

        If it raises, the claim is not there, or the error's minor is OUTCOME_UNKNOWN.
        """

    def fetch(self, name: bytes) -> bytes | None:
        """The secret of a claim, None if there is no such claim."""

    def erase(self, name: bytes) -> bool:
        """Whether *this call* removed the claim: of any number of racing calls one sees True."""

    def outstanding(self) -> Iterator[bytes]:
        """The names of all claims, in no order."""

    def sweep(self, now: int, tag: bytes) -> int:
        """Remove the claims that expired before `now` (milliseconds); how many there were.

        `tag` is the domain's own: a store on one machine removes claims of other tags too.
        """


class AsyncClaimStore(Protocol):
    """The waiting half of `ClaimStore`, for stores behind a network."""

    def put(self, name: bytes, secret: bytes, ttl: int) -> Awaitable[None]: ...
    def fetch(self, name: bytes) -> Awaitable[bytes | None]: ...
    def erase(self, name: bytes) -> Awaitable[bool]: ...
    def sweep(self, now: int, tag: bytes) -> Awaitable[int]: ...
    def aclose(self) -> Awaitable[None]: ...


class MemoryStore:
    """Claims in this process, for threads and tests. A fork leaves the child without them."""

    kind = DomainKind.MEMORY
    one_machine = True

    def __init__(self, entropy: Entropy) -> None:
        self._place = entropy(32)
        self._era = era.current
        self._lock = Lock()
        self._claims: dict[bytes, bytes] = {}

    def place(self) -> bytes:
        if self._era is not era.current:
            self._claims.clear()
        era.check(self._era, "memory transfer domain")
        return self._place

    def put(self, name: bytes, secret: bytes, ttl: int) -> None:
        with self._lock:
            self._drop_oldest_expired(name_expiry(name) - ttl)
            if name in self._claims:
                raise GSSError("a claim of this name exists: randomness repeats", minor=TransferMinor.NO_ENTROPY)
            self._claims[name] = secret

    def _drop_oldest_expired(self, now: int) -> None:
        """Two for each that comes: tokens that nobody imports do not pile up, and no call takes long."""
        for name in list(islice(self._claims, 2)):
            if name_expiry(name) < now:
                del self._claims[name]

    def fetch(self, name: bytes) -> bytes | None:
        return self._claims.get(name)

    def erase(self, name: bytes) -> bool:
        with self._lock:
            return self._claims.pop(name, None) is not None

    def outstanding(self) -> Iterator[bytes]:
        with self._lock:
            return iter(tuple(self._claims))

    def sweep(self, now: int, tag: bytes) -> int:
        return sum(self.erase(name) for name in self.outstanding() if name_expiry(name) < now)
