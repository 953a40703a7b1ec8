"""GSS_Acquire_cred_with_password and its like (RFC 4120 §3.1): credentials from the KDC itself, with no cache before.

The tickets stay in this process; `Credentials.store` puts them into a credential cache.
"""

from __future__ import annotations

from collections.abc import Generator

from puregss.base.mechanism import KdcRequest
from puregss.gss import world as worlds
from puregss.gss.credentials import Credentials
from puregss.gss.driver import run, run_async
from puregss.gss.name import Name
from puregss.gss.world import World
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import TicketOptions
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.memory import MemoryTickets
from puregss.krb5.preauth import ClientKeys, Password, Secret


def acquire_with_password(
    name: Name, password: str | bytes, *, options: TicketOptions | None = None, world: World | None = None
) -> Credentials:
    """Initiator's credentials of `name` for its password; asks a KDC of its realm and waits.

    MissingCredentialsError for an unknown name or a wrong password, ExpiredCredentialsError for an
    expired one, GSSError where no KDC answers or it refuses for another reason.

    This alone proves no password to a third party: whoever can answer in the KDC's place can accept any. A service
    that checks its users' passwords so must then establish a context to itself, with its own keytab, and take the
    user's name from there. And a name with a realm that users choose chooses the KDC: compare the realm first.
    """
    world = world or worlds.default()
    return _credentials(run(_exchange(name, Password(password), options, world), world.exchange), world)


async def acquire_with_password_async(
    name: Name, password: str | bytes, *, options: TicketOptions | None = None, world: World | None = None
) -> Credentials:
    """The same without blocking the event loop."""
    world = world or worlds.default()
    steps = _exchange(name, Password(password), options, world)
    return _credentials(await run_async(steps, world.exchange_async), world)


def acquire_with_keytab(
    name: Name, keytab: str | None = None, *, options: TicketOptions | None = None, world: World | None = None
) -> Credentials:
    """Initiator's credentials of `name` for its key in `keytab`, as services and jobs have it.

    Without a keytab it is the environment's. MissingCredentialsError where the keytab cannot be read
    or has no usable key of `name`; otherwise as `acquire_with_password`.
    """
    world = world or worlds.default()
    secret = ClientKeys(world.key_source(keytab), name.principal(world))
    return _credentials(run(_exchange(name, secret, options, world), world.exchange), world)


async def acquire_with_keytab_async(
    name: Name, keytab: str | None = None, *, options: TicketOptions | None = None, world: World | None = None
) -> Credentials:
    """The same without blocking the event loop."""
    world = world or worlds.default()
    secret = ClientKeys(world.key_source(keytab), name.principal(world))
    steps = _exchange(name, secret, options, world)
    return _credentials(await run_async(steps, world.exchange_async), world)


def _exchange(
    name: Name, secret: Secret, options: TicketOptions | None, world: World
) -> Generator[KdcRequest, bytes, CachedTicket]:
    options = options or TicketOptions(enctypes=tuple(world.permitted_enctypes()))
    return as_exchange(name.principal(world), secret, clock=world.clock, entropy=world.entropy, options=options)


def _credentials(tgt: CachedTicket, world: World) -> Credentials:
    return Credentials.of_tickets(MemoryTickets([tgt]), world)
