"""RFC 4120 §1.1: keys and tickets held in memory, behind the same ports as keytabs and credential caches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from puregss.base.errors import MissingCredentialsError
from puregss.krb5.ccache import CachedTicket, CredentialCache
from puregss.krb5.ports import KeyLabel, ServiceKey
from puregss.krb5.principal import Principal


@dataclass(frozen=True, slots=True)
class _Label:
    principal: Principal
    kvno: int
    key_type: int


class MemoryKeys:
    """A `KeySource` of keys at hand."""

    def __init__(self, keys: Iterable[ServiceKey]) -> None:
        self._keys = tuple(keys)

    def describe(self) -> str:
        return "MEMORY keytab"

    def find(self, principal: Principal | None, kvno: int | None, enctype: int) -> Sequence[ServiceKey]:
        return [
            entry
            for entry in self._keys
            if entry.key.enctype == enctype and principal in (None, entry.principal) and kvno in (None, entry.kvno)
        ]

    def entries(self) -> Sequence[KeyLabel]:
        return [_Label(entry.principal, entry.kvno, entry.key.enctype) for entry in self._keys]


class MemoryTickets:
    """A `TicketStore` of tickets at hand, such as those a peer delegated."""

    def __init__(self, tickets: Iterable[CachedTicket]) -> None:
        self._tickets = list(tickets)

    def describe(self) -> str:
        return "MEMORY credential cache"

    @property
    def default_principal(self) -> Principal:
        if not self._tickets:
            raise MissingCredentialsError("the credential cache in memory is empty; put a ticket into it first")
        return self._tickets[0].client

    def find(self, client: Principal, server: Principal) -> CachedTicket | None:
        fitting = (ticket for ticket in self._tickets if ticket.client == client and ticket.server == server)
        return max(fitting, key=lambda ticket: ticket.endtime, default=None)

    def add(self, ticket: CachedTicket) -> None:
        self._tickets.append(ticket)

    def load(self) -> CredentialCache:
        return CredentialCache(self.default_principal, tuple(self._tickets))

    def save(self, cache: CredentialCache) -> None:
        self._tickets = list(cache.tickets)
