"""What the calls of RFC 2743 need of the world around them, as one port.

Every Credentials and SecurityContext may be given a world of its own, so that two threads can use
two realms; whoever gives none gets the process's own, which the front door installs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from puregss.base import installed
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Clock, Entropy
from puregss.krb5.ports import KeySource, RealmMap, ReplayCache, TicketStore
from puregss.krb5.principal import Principal
from puregss.transfer.domain import Domain


class World(RealmMap, Protocol):
    """Clock, randomness, files, KDCs. Methods raise GSSError with a sentence a person can act on."""

    @property
    def clock(self) -> Clock: ...
    @property
    def entropy(self) -> Entropy: ...

    def key_source(self, name: str | None) -> KeySource:
        """The keytab `name`, or the default one."""
        ...

    def ticket_store(self, name: str | None) -> TicketStore:
        """The credential cache `name`, or the default one."""
        ...

    def local_account(self, principal: Principal) -> str | None:
        """The login name that a principal stands for on this machine; None if for none."""
        ...

    def welcome_principals(self, user: str) -> Collection[str] | None:
        """The principals that `user` lets in (~/.k5login); None where the user keeps no such list."""
        ...

    def replay_cache(self) -> ReplayCache | None:
        """Where acceptors remember authenticators; None where the administrator switched it off."""
        ...

    def transit_path(self, client_realm: str, server_realm: str) -> Sequence[str] | None:
        """The realms a ticket may pass between two others ([capaths]); None where their names decide."""
        ...

    def clock_skew(self) -> int:
        """Seconds that a peer's clock may differ from ours (RFC 4120 §8.2: 300)."""
        ...

    def permitted_enctypes(self) -> Sequence[int]:
        """The encryption types of session keys and subkeys, best first."""
        ...

    def ignore_acceptor_hostname(self) -> bool:
        """Whether an acceptor named service@host takes tickets for the service on any host."""
        ...

    def exchange(self, request: KdcRequest) -> bytes:
        """Send a request to a KDC of its realm and wait for the answer."""
        ...

    async def exchange_async(self, request: KdcRequest) -> bytes:
        """The same without blocking the event loop."""
        ...

    def transfer_domain(self) -> Domain:
        """The default transfer domain."""
        ...


_installed: World | None = None


def install(world: World | None) -> World | None:
    """Make `world` the one that is used where none is given; the one it replaces. None: that of this machine, anew."""
    global _installed
    replaced, _installed = _installed, world
    return replaced


def default() -> World:
    """The installed world; at first that of this machine."""
    global _installed
    if _installed is None:
        if installed.make_world is None:
            raise RuntimeError("no world is installed; import puregss, or pass world=")
        _installed = installed.make_world()
    return _installed
