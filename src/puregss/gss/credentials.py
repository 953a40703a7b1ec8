"""RFC 2743 §2.1: credentials. What an initiator speaks with, and what an acceptor opens tickets with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NoReturn

from puregss.base.errors import MissingCredentialsError
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.gss import world as worlds
from puregss.gss.name import Name
from puregss.gss.world import World
from puregss.krb5.ports import KeySource, TicketStore
from puregss.krb5.principal import Principal

Usage = Literal["initiate", "accept", "both"]

STORE_KEYS = frozenset(("keytab", "ccache"))


class Credentials:
    """A credential handle: GSS_Acquire_cred (RFC 2743 §2.1.1).

    `usage` is "initiate" (tickets from a credential cache), "accept" (keys from a keytab) or "both".
    `name` narrows the choice: the client that must own the cache, or the service whose keys may be
    used; without it the cache's owner and every key of the keytab. `store` names the files,
    `{"ccache": …, "keytab": …}`; what it leaves out comes from the environment.

    MissingCredentialsError tells which file was looked at and what was missing there.
    """

    __slots__ = ("_keys", "_name", "_tickets", "_usage", "_world")

    def __init__(
        self,
        name: Name | None = None,
        *,
        usage: Usage = "both",
        store: Mapping[str, str] | None = None,
        world: World | None = None,
    ) -> None:
        store = store or {}
        if unknown := store.keys() - STORE_KEYS:
            raise TypeError(f"store knows {sorted(STORE_KEYS)}, not {sorted(unknown)}")
        self._world = world or worlds.default()
        self._name = name
        self._usage: Usage = usage
        self._tickets: TicketStore | None = None
        self._keys: KeySource | None = None
        if usage in ("initiate", "both"):
            self._tickets = self._world.ticket_store(store.get("ccache"))
            self._check_owner(self._tickets)
        if usage in ("accept", "both"):
            self._keys = self._world.key_source(store.get("keytab"))
            self._keys.entries()

    @classmethod
    def of_tickets(cls, tickets: TicketStore, world: World) -> Credentials:
        """Initiator credentials around tickets at hand, such as those a peer delegated."""
        credentials = cls.__new__(cls)
        credentials._world = world
        credentials._name = None
        credentials._usage = "initiate"
        credentials._tickets = tickets
        credentials._keys = None
        return credentials

    def _check_owner(self, tickets: TicketStore) -> None:
        owner = tickets.default_principal
        if self._name is not None and self._name.principal(self._world) != owner:
            raise MissingCredentialsError(
                f"{tickets.describe()} belongs to {owner}, not to {self._name}; "
                f"run kinit as {self._name}, or name the cache that is theirs"
            )

    def acceptor_principal(self) -> Principal | None:
        """The service these credentials accept for; None for every service in the keytab."""
        return None if self._name is None else self._name.acceptor_principal(self._world)

    @property
    def name(self) -> Name | None:
        """Who these credentials speak for; None where an acceptor takes any key of the keytab."""
        if self._name is not None:
            return self._name
        return None if self._tickets is None else Name.of_principal(self._tickets.default_principal)

    @property
    def usage(self) -> Usage:
        """What they are for."""
        return self._usage

    @property
    def mechs(self) -> frozenset[OID]:
        """The mechanisms they hold elements for."""
        return frozenset((MechType.kerberos,))

    @property
    def tickets(self) -> TicketStore:
        """The initiator's element. MissingCredentialsError where there is none."""
        if self._tickets is None:
            raise MissingCredentialsError('these credentials only accept; acquire them with usage="initiate"')
        return self._tickets

    @property
    def keys(self) -> KeySource:
        """The acceptor's element. MissingCredentialsError where there is none."""
        if self._keys is None:
            raise MissingCredentialsError('these credentials only initiate; acquire them with usage="accept"')
        return self._keys

    def __repr__(self) -> str:
        return f"Credentials(name={self.name}, usage={self._usage!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials hold keys and are not pickled or copied; acquire them again where they are needed")
