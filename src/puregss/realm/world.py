"""A world without files and sockets: keys, tickets and the KDC straight from an embedded realm (for unit tests)."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from threading import Lock

from puregss.base.errors import BadNameError, DuplicateTokenError, MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Clock, Entropy
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.krb5.memory import MemoryKeys, MemoryTickets
from puregss.krb5.name_local import local_name
from puregss.krb5.ports import CLOCK_SKEW, KeySource, TicketStore
from puregss.krb5.principal import Principal
from puregss.realm.embedded import Realm
from puregss.system.clock import SystemClock
from puregss.transfer.claims import MemoryStore
from puregss.transfer.domain import Domain


class RealmWorld:
    """What `world=` of Credentials and SecurityContext takes.

    Names of keytabs are here names of services (None: all of them), names of credential caches are names of users
    (None: `user`), who hold a fresh TGT from the start.
    """

    def __init__(self, realm: Realm, user: str | None = None, *, clock: Clock | None = None) -> None:
        self.realm = realm
        self.clock = clock or SystemClock()
        self.entropy: Entropy = os.urandom
        self._user = user
        self._tickets: dict[str, MemoryTickets] = {}
        self._replays = MemoryReplays()
        self._domain = Domain(MemoryStore(os.urandom), self.clock, os.urandom)

    def key_source(self, name: str | None) -> KeySource:
        """The keys of the service `name`, or of every service, as they are now."""
        try:
            return MemoryKeys(self.realm.service_keys(*(() if name is None else (name,))))
        except BadNameError as error:
            raise MissingCredentialsError(error.message) from None

    def ticket_store(self, name: str | None) -> TicketStore:
        """The tickets of the user `name`, or of the default one; the same store at every call."""
        user = name or self._user
        if user is None:
            raise MissingCredentialsError("this world has no default user; name one: RealmWorld(realm, 'alice')")
        if user not in self._tickets:
            try:
                self._tickets[user] = MemoryTickets([self.realm.ticket(user)])
            except BadNameError as error:
                raise MissingCredentialsError(error.message) from None
        return self._tickets[user]

    def replay_cache(self) -> MemoryReplays:
        return self._replays

    def exchange(self, request: KdcRequest) -> bytes:
        return self.realm.exchange(request)

    async def exchange_async(self, request: KdcRequest) -> bytes:
        return await self.realm.exchange_async(request)

    def transfer_domain(self) -> Domain:
        return self._domain

    def default_realm(self) -> str:
        return self.realm.name

    def realm_of_host(self, host: str) -> str:
        """This realm's own hosts; which of the others a host is in is for the KDC to tell."""
        return self.realm.name if self.realm.serves(host) else ""

    def canonical_host(self, host: str) -> str:
        return host.lower()

    def local_host(self) -> str:
        return "localhost"

    def local_account(self, principal: Principal) -> str | None:
        return local_name(principal, self.realm.name)

    def welcome_principals(self, user: str) -> None:
        """Nobody keeps a list here."""

    def transit_path(self, client_realm: str, server_realm: str) -> None:
        """The realms' names decide."""

    def clock_skew(self) -> int:
        return CLOCK_SKEW

    def permitted_enctypes(self) -> Sequence[int]:
        """The realm's own first, so that its contexts have them too (RFC 4537)."""
        return self.realm.enctypes + tuple(enctype for enctype in SUPPORTED if enctype not in self.realm.enctypes)

    def ignore_acceptor_hostname(self) -> bool:
        return False

    def user_of_uid(self, uid: int) -> str:
        try:
            return pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            raise BadNameError(f"no user has the id {uid}") from None


class MemoryReplays:
    """A replay cache that remembers everything as long as it lives."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._lock = Lock()

    def store(self, mac: bytes, now: int, ctime: int) -> None:
        with self._lock:
            if mac in self._seen:
                raise DuplicateTokenError("this authenticator was seen before: somebody replays the initiator's token")
            self._seen.add(mac)
