"""Tickets minted by hand, for tests of the AP exchange that need no KDC."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from puregss.base.errors import DuplicateTokenError
from puregss.base.mechanism import Steps
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.memory import MemoryKeys, MemoryTickets
from puregss.krb5.messages.fields import AuthorizationData, EncryptedData, EncryptionKey, HostAddress
from puregss.krb5.messages.ticket import (
    EncTicketPart,
    Ticket,
    TicketFlag,
    TransitedEncoding,
    encode_enc_ticket_part,
    encode_ticket,
)
from puregss.krb5.ports import ServiceKey
from puregss.krb5.principal import Principal, tgs_principal

REALM = "EXAMPLE.COM"
CLIENT = Principal(("alice",), REALM)
SERVICE = Principal(("HTTP", "www.example.com"), REALM, 3)
NOW = 1_750_000_000
_TICKET_USAGE = 2


@dataclass
class FixedClock:
    """A clock that stands still until it is set."""

    time: float = NOW + 0.25

    def now(self) -> float:
        return self.time

    def boottime(self) -> float:
        return self.time - NOW

    def boot_id(self) -> bytes:
        return bytes(16)


class MemoryReplayCache:
    """A `ReplayCache` that forgets nothing."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()

    def store(self, mac: bytes, now: int, ctime: int) -> None:
        if mac in self.seen:
            raise DuplicateTokenError("the authenticator was presented before")
        self.seen.add(mac)


class Tickets(MemoryTickets):
    """A `TicketStore` of a few tickets."""

    def __init__(self, *tickets: CachedTicket) -> None:
        super().__init__(tickets)


def service_key(enctype: int = 18, service: Principal = SERVICE, kvno: int = 3) -> ServiceKey:
    """A fresh long-term key."""
    return ServiceKey(service, kvno, random_key(enctype, os.urandom))


def mint(
    key: ServiceKey,
    *,
    client: Principal = CLIENT,
    server: Principal | None = None,
    session_enctype: int | None = None,
    session_key: Key | None = None,
    start: int = NOW - 600,
    end: int = NOW + 36000,
    renew_till: int = 0,
    flags: int = TicketFlag.FORWARDABLE | TicketFlag.PRE_AUTHENT,
    kvno: int | None = None,
    transited: bytes = b"",
    addresses: Iterable[HostAddress] = (),
    authdata: AuthorizationData = (),
) -> CachedTicket:
    """A ticket of `client` for `server` (default: whose key it is), sealed with `key`. `kvno` says another version."""
    server = server or key.principal
    session = session_key or random_key(session_enctype or key.key.enctype, os.urandom)
    part = EncTicketPart(
        flags=flags,
        key=EncryptionKey(session.enctype, session.dangerous_material()),
        client=client,
        transited=TransitedEncoding(1, transited),
        authtime=start,
        starttime=start,
        endtime=end,
        renew_till=renew_till or None,
        caddr=tuple(addresses),
        authorization_data=authdata,
    )
    cipher = key.key.encrypt(_TICKET_USAGE, encode_enc_ticket_part(part), os.urandom)
    ticket = Ticket(server, EncryptedData(key.key.enctype, key.kvno if kvno is None else kvno, cipher))
    return CachedTicket(client, server, session, start, start, end, renew_till, flags, encode_ticket(ticket))


def mint_tgt(client: Principal = CLIENT, enctype: int = 18, flags: int = TicketFlag.FORWARDABLE) -> CachedTicket:
    """A TGT whose key nobody here knows."""
    return mint(service_key(enctype, tgs_principal(client.realm)), client=client, flags=flags)


def keys_of(*keys: ServiceKey) -> MemoryKeys:
    """A `KeySource` of these keys."""
    return MemoryKeys(keys)


def finish(steps: Steps) -> bytes | None:
    """The token of a step that asks nothing of the world."""
    try:
        request = next(steps)
    except StopIteration as stop:
        token: bytes | None = stop.value
        return token
    raise AssertionError(f"the step asked a KDC of {request.realm}")
