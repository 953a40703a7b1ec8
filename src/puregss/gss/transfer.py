"""RFC 2743 §2.2.9: contexts that come from another process, or come back from one that died."""

from __future__ import annotations

from puregss.gss import world as worlds
from puregss.gss.contents import Restored, restorer
from puregss.gss.context import SecurityContext
from puregss.gss.domains import AsyncDomain, Importer, Reclaimer
from puregss.gss.interchange import RawFormat, import_raw
from puregss.gss.world import World


def import_context(
    token: bytes, domain: Importer | None = None, format: RawFormat | None = None, *, world: World | None = None
) -> SecurityContext:
    """GSS_Import_sec_context (RFC 2743 §2.2.9): the context in `token`, alive in this process from now on.

    MissingContextError where the token was imported, revoked, never issued or timed out;
    InvalidTokenError where it was altered; UnauthorizedError where this process has no right to it.
    With a `format` (see `gss.interchange`) the token is a C library's: nothing in it is sealed, so
    take it only from where nobody else could have written it.
    """
    world = world or worlds.default()
    if format is None:
        restored = (domain or world.transfer_domain()).import_(token, restorer(world))
    elif domain is None:
        restored = Restored(import_raw(token, format, world.entropy), None)
    else:
        raise TypeError("a raw format has no transfer domain")
    return SecurityContext.of_restored(restored, world)


async def import_context_async(
    token: bytes, domain: AsyncDomain | None = None, *, world: World | None = None
) -> SecurityContext:
    """The same for domains that wait on a network."""
    world = world or worlds.default()
    restored = await (domain or world.transfer_domain()).import_async(token, restorer(world))
    return SecurityContext.of_restored(restored, world)


def reclaim_context(token: bytes, domain: Reclaimer, *, world: World | None = None) -> SecurityContext:
    """The exporter's own context back, whose importer died before it imported.

    MissingContextError if somebody imported it after all. Of a worker's channel only when the
    worker's death is certain (`ChannelSender.worker_died`); until then OperationUnavailableError.
    """
    world = world or worlds.default()
    return SecurityContext.of_restored(domain.reclaim(token, restorer(world)), world)
