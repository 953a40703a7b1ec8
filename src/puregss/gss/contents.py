"""RFC 2743 §2.2.8: what stands inside a sealed interprocess token: a mechanism's record, and what goes with it.

The contents are the mechanism's record alone, whose first octet is the format it is in (below 0x80).
Where the exporter included a delegated credential, they are 0xFF, the record's length in four octets,
the record, and the credential as a cache file has it.
"""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import Final, NamedTuple

from puregss.base.errors import InvalidCredentialsError, InvalidTokenError, OperationUnavailableError
from puregss.base.flags import RequirementFlag
from puregss.base.made import made
from puregss.base.mechanism import MechanismContext
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.gss.credentials import Credentials
from puregss.gss.world import World
from puregss.krb5.ccache import CredentialCache, decode_ccache, encode_ccache
from puregss.krb5.context import KerberosContext
from puregss.krb5.memory import MemoryTickets
from puregss.transfer.domain import Decode
from puregss.wire.reader import Reader

_WITH_DELEGATED: Final = 0xFF
_KERBEROS: Final = MechType.kerberos


class Restored(NamedTuple):
    """What an import gives."""

    context: MechanismContext
    delegated: Credentials | None


class WithDelegated:
    """A context to export together with the credential that its initiator delegated."""

    lock: Lock
    oid: OID
    flags: RequirementFlag
    expiry: float

    def __init__(self, context: MechanismContext, delegated: CredentialCache) -> None:
        self.lock, self.oid, self.flags, self.expiry = context.lock, context.oid, context.flags, context.expiry
        self.kill = context.kill
        self._context = context
        self._delegated = delegated

    def encode(self) -> bytes:
        """See `MechanismContext.encode`."""
        record = self._context.encode()
        return b"".join(
            (bytes((_WITH_DELEGATED,)), len(record).to_bytes(4, "big"), record, encode_ccache(self._delegated))
        )


def restorer(world: World) -> Decode[Restored]:
    """What makes a live mechanism context of the contents of a token whose seal has been opened."""
    return partial(_restore, world)


def _restore(world: World, oid: OID, contents: bytes) -> Restored:
    if oid is not _KERBEROS and oid != _KERBEROS:
        raise OperationUnavailableError(f"the token holds a context of the mechanism {oid}, which puregss lacks")
    if not contents or contents[0] != _WITH_DELEGATED:
        return made(Restored, (KerberosContext.restore(contents, world.entropy), None))
    reader = Reader(contents[1:], what="the contents of the interprocess token")
    context = KerberosContext.restore(reader.take(reader.u32()), world.entropy)
    return Restored(context, _delegated(reader.rest(), world))


def _delegated(octets: bytes, world: World) -> Credentials:
    try:
        cache = decode_ccache(octets)
    except InvalidCredentialsError as error:
        raise InvalidTokenError(f"the delegated credential in the interprocess token: {error.message}") from error
    return Credentials.of_tickets(MemoryTickets(cache.tickets), world)
