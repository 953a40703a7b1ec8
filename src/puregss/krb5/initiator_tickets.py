"""RFC 4120 §3.2.1, §3.3: the tickets an initiator needs: from its store, or from the KDC."""

from __future__ import annotations

from collections.abc import Generator

from puregss.base.errors import GSSError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Clock, Entropy
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange_tgs import Asker, forwarded_tgt, obtain_ticket
from puregss.krb5.ports import TicketStore
from puregss.krb5.principal import Principal


def service_ticket(
    tickets: TicketStore, client: Principal, target: Principal, lifetime: int | None, clock: Clock, entropy: Entropy
) -> Generator[KdcRequest, bytes, CachedTicket]:
    """A ticket of `client` for `target` that has not expired; fetched ones are put into the store."""
    return (yield from obtain_ticket(tickets, client, target, Asker(clock, entropy, lifetime)))


def forwarded_ticket(
    tickets: TicketStore, client: Principal, clock: Clock, entropy: Entropy
) -> Generator[KdcRequest, bytes, CachedTicket | None]:
    """A forwarded TGT of `client`; None where it may not have one: then the context goes without delegation."""
    try:
        return (yield from forwarded_tgt(tickets, client, Asker(clock, entropy)))
    except GSSError:
        return None
