"""RFC 2743 §2.1: credentials. What an initiator speaks with, and what an acceptor opens tickets with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, NoReturn

from puregss.base.errors import BadMechanismError, DuplicateCredentialsElementError, MissingCredentialsError
from puregss.base.names import KERBEROS_ALIASES, MechType
from puregss.base.oid import OID
from puregss.gss import world as worlds
from puregss.gss.name import Name
from puregss.gss.world import World
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.ports import KeySource, TicketStore
from puregss.krb5.principal import Principal, tgs_principal

Usage = Literal["initiate", "accept", "both"]

STORE_KEYS = frozenset(("keytab", "ccache"))


class InquireCredResult(NamedTuple):
    """GSS_Inquire_cred (RFC 2743 §2.1.3). `lifetime` is in whole seconds, None for no end."""

    name: Name | None
    lifetime: int | None
    usage: Usage
    mechs: frozenset[OID]


class InquireCredByMechResult(NamedTuple):
    """GSS_Inquire_cred_by_mech (RFC 2743 §2.1.5). Lifetimes as above; 0 where there is no such element."""

    name: Name | None
    init_lifetime: int | None
    accept_lifetime: int | None
    usage: Usage


class StoreCredResult(NamedTuple):
    """GSS_Store_cred (RFC 5588): the elements that were stored."""

    mechs: frozenset[OID]
    usage: Usage


class Credentials:
    """A credential handle: GSS_Acquire_cred (RFC 2743 §2.1.1).

    `usage` is "initiate" (tickets from a credential cache), "accept" (keys from a keytab) or "both".
    `name` narrows the choice: the client that must own the cache, or the service whose keys may be
    used; without it the cache's owner and every key of the keytab. `mechs` are the mechanisms to hold
    elements for (default: all there are). `store` names the files, `{"ccache": …, "keytab": …}`; what
    it leaves out comes from the environment.

    MissingCredentialsError tells which file was looked at and what was missing there;
    BadMechanismError is for a mechanism that needs no credentials of ours. How long they last is the
    KDC's word: a shorter wish belongs to the context (`SecurityContext(lifetime=…)`).
    """

    __slots__ = ("_keys", "_name", "_policy", "_released", "_tickets", "_usage", "_world")

    def __init__(
        self,
        name: Name | None = None,
        *,
        mechs: Iterable[OID] | None = None,
        usage: Usage = "both",
        store: Mapping[str, str] | None = None,
        world: World | None = None,
    ) -> None:
        _check_mechs((MechType.kerberos,) if mechs is None else mechs)
        store = store or {}
        if unknown := store.keys() - STORE_KEYS:
            raise TypeError(f"store knows {sorted(STORE_KEYS)}, not {sorted(unknown)}")
        self._world = world or worlds.default()
        self._name = name
        self._usage: Usage = usage
        self._tickets: TicketStore | None = None
        self._keys: KeySource | None = None
        self._policy: tuple[World, AcceptorPolicy] | None = None
        self._released = False
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
        credentials._policy = None
        credentials._released = False
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
        """The mechanism name they speak for; None where an acceptor takes any key of the keytab."""
        if self._name is not None:
            return self._name.canonicalize(world=self._world)
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
    def lifetime(self) -> int | None:
        """Whole seconds until the shortest-lived element ends, 0 when expired; None where none of them ends."""
        return None if self._tickets is None else self._ticket_lifetime(self._tickets)

    def _ticket_lifetime(self, tickets: TicketStore) -> int:
        owner = tickets.default_principal
        tgt = tickets.find(owner, tgs_principal(owner.realm))
        ends = [tgt.endtime] if tgt else [ticket.endtime for ticket in tickets.load().tickets]
        return max(0, int(max(ends, default=0) - self._world.clock.now()))

    def inquire(self) -> InquireCredResult:
        """GSS_Inquire_cred (RFC 2743 §2.1.3): all there is to know."""
        self._check_not_released()
        return InquireCredResult(self.name, self.lifetime, self.usage, self.mechs)

    def inquire_by_mech(self, mech: OID) -> InquireCredByMechResult:
        """GSS_Inquire_cred_by_mech (RFC 2743 §2.1.5). BadMechanismError for a mechanism not among `mechs`."""
        self._check_not_released()
        _check_mechs((mech,))
        accepts = None if self._keys is not None else 0
        initiates = 0 if self._tickets is None else self._ticket_lifetime(self._tickets)
        return InquireCredByMechResult(self.name, initiates, accepts, self.usage)

    def add(
        self, usage: Usage, mech: OID = MechType.kerberos, *, store: Mapping[str, str] | None = None
    ) -> Credentials:
        """GSS_Add_cred (RFC 2743 §2.1.4): new credentials that have the element of `mech` for `usage` as well.

        DuplicateCredentialsElementError if it is there already, BadMechanismError for a mechanism there is not.
        """
        _check_mechs((mech,))
        if usage == "both" or self._usage in (usage, "both"):
            raise DuplicateCredentialsElementError(f"these credentials have an element to {usage} already")
        added = Credentials(self._name, usage=usage, store=store, world=self._world)
        added._tickets = added._tickets or self._tickets
        added._keys = added._keys or self._keys
        added._usage = "both"
        return added

    def store(self, ccache: str | None = None, *, overwrite: bool = False) -> StoreCredResult:
        """GSS_Store_cred (RFC 5588): put the initiator's tickets into the credential cache `ccache`.

        Without a name it is the environment's. DuplicateCredentialsElementError if that cache holds
        tickets and `overwrite` is not given; MissingCredentialsError if it cannot be written to.
        """
        target = self._world.ticket_store(ccache)
        if not overwrite and _holds_tickets(target):
            raise DuplicateCredentialsElementError(
                f"{target.describe()} holds tickets of {target.default_principal}; "
                "store with overwrite=True to replace them"
            )
        target.save(self.tickets.load())
        return StoreCredResult(self.mechs, "initiate")

    def release(self) -> None:
        """GSS_Release_cred (RFC 2743 §2.1.2): let go of tickets and keys. Contexts live on; files stay as they are.

        From here on whatever needs an element raises MissingCredentialsError. Twice does nothing.
        """
        self._released = True  # first: who keeps a policy looks at this afterwards
        self._tickets = self._keys = self._policy = None

    @property
    def tickets(self) -> TicketStore:
        """The initiator's element. MissingCredentialsError where there is none."""
        if self._tickets is None:
            self._check_not_released()
            raise MissingCredentialsError('these credentials only accept; acquire them with usage="initiate"')
        return self._tickets

    @property
    def keys(self) -> KeySource:
        """The acceptor's element. MissingCredentialsError where there is none."""
        if self._keys is None:
            self._check_not_released()
            raise MissingCredentialsError('these credentials only initiate; acquire them with usage="accept"')
        return self._keys

    def policy(self, world: World) -> AcceptorPolicy:
        """What contexts go by that are accepted with these credentials. MissingCredentialsError as of `keys`.

        Made once, with the clock and entropy that the world has then: a service accepts all its contexts by the same.
        """
        kept = self._policy
        if kept is None or kept[0] is not world:
            self._policy = kept = world, acceptor_policy(world, self.keys, self.acceptor_principal())
            if self._released:  # by another thread, while it was made
                self._policy = None
        return kept[1]

    def _check_not_released(self) -> None:
        if self._released:
            raise MissingCredentialsError("these credentials were released; acquire new ones")

    def __repr__(self) -> str:
        return f"Credentials(name={self.name}, usage={self._usage!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials hold keys and are not pickled or copied; acquire them again where they are needed")


def acceptor_policy(world: World, keys: KeySource, principal: Principal | None) -> AcceptorPolicy:
    """What `world` has to say about acceptors with these keys."""
    return AcceptorPolicy(
        keys,
        principal,
        world.clock,
        world.entropy,
        world.transit_path,
        world.clock_skew(),
        world.permitted_enctypes(),
    )


def _check_mechs(mechs: Iterable[OID]) -> None:
    for mech in mechs:
        if mech != MechType.kerberos and mech not in KERBEROS_ALIASES:
            raise BadMechanismError(f"these credentials have no element of the mechanism {mech}; there is Kerberos")


def _holds_tickets(tickets: TicketStore) -> bool:
    try:
        return bool(tickets.load().tickets)
    except MissingCredentialsError:
        return False
