"""RFC 4120 §3.2: what the mechanism asks of the world while it authenticates, beside time and randomness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from puregss.kcrypto.key import Key
    from puregss.krb5.ccache import CachedTicket, CredentialCache
    from puregss.krb5.principal import Principal


CLOCK_SKEW: Final = 300
"""Seconds that clocks may differ where nobody says otherwise (RFC 4120 §8.2)."""


class KeyLabel(Protocol):
    """A keytab entry without its key; a `KeytabEntry` is one. Enctypes that we lack are listed too."""

    @property
    def principal(self) -> Principal: ...
    @property
    def kvno(self) -> int: ...
    @property
    def key_type(self) -> int: ...


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """One long-term key of a service."""

    principal: Principal
    kvno: int
    key: Key = field(repr=False)


class KeySource(Protocol):
    """The long-term keys an acceptor may use: a keytab, or a stand-in for one.

    A source keeps its `Key` objects between calls: what is derived from a service key is used again
    by the next context.
    """

    def describe(self) -> str:
        """Where the keys come from, for messages: `FILE:/etc/krb5.keytab`."""

    def find(self, principal: Principal | None, kvno: int | None, enctype: int) -> Sequence[ServiceKey]:
        """The keys of this principal, version and enctype; None matches any. Empty if there are none.

        MissingCredentialsError if the source cannot be read.
        """

    def entries(self) -> Sequence[KeyLabel]:
        """Everything that is there, for messages and inquiries. MissingCredentialsError as `find`."""


class TicketStore(Protocol):
    """The tickets an initiator may use: a credential cache, or a stand-in for one."""

    @property
    def default_principal(self) -> Principal:
        """Whose tickets these are. MissingCredentialsError if there is no cache, or none that can be read."""

    def describe(self) -> str:
        """Where the tickets are, for messages: `FILE:/tmp/krb5cc_1000`."""

    def find(self, client: Principal, server: Principal) -> CachedTicket | None:
        """The ticket of `client` for `server` that is valid for longest, expired or not; None if there is none."""

    def add(self, ticket: CachedTicket) -> None:
        """Keep a ticket for later. A store that cannot be written to drops it silently."""

    def load(self) -> CredentialCache:
        """Everything that is there. MissingCredentialsError as `default_principal`."""

    def save(self, cache: CredentialCache) -> None:
        """Replace everything. MissingCredentialsError if the store cannot be written to."""


class ReplayCache(Protocol):
    """RFC 4120 §3.2.3: the authenticators an acceptor has seen within the clock skew."""

    def store(self, mac: bytes, now: int, ctime: int) -> None:
        """Remember an authenticator, by the checksum part of its ciphertext, as long as it could be accepted again.

        `now` is the acceptor's time and `ctime` the authenticator's (seconds since 1970). DuplicateTokenError if it was
        stored before; GSSError if the cache cannot be used: then nobody may be let in.
        """


class RealmMap(Protocol):
    """What machine and configuration say about realms, hosts and users (krb5.conf's [libdefaults], [domain_realm])."""

    def default_realm(self) -> str:
        """The realm of names that carry none. GSSError if none is configured."""

    def realm_of_host(self, host: str) -> str:
        """The realm a host's services are in; empty where only the KDC can tell (RFC 6806 §4)."""

    def canonical_host(self, host: str) -> str:
        """The host's name as its principal spells it: lower case, made canonical as far as the configuration wants."""

    def local_host(self) -> str:
        """This machine's canonical name."""

    def user_of_uid(self, uid: int) -> str:
        """The login name of a numeric user id. BadNameError if there is no such user."""


TransitPath = Callable[[str, str], Sequence[str] | None]
"""`path(client_realm, server_realm)`: the realms a ticket may pass between the two (krb5.conf's [capaths]).
None where nothing is configured: then the hierarchy of the realms' names decides."""
