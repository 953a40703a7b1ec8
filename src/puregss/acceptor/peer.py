"""RFC 2743 §2.2.6: what front and worker know of a client, and a handler with them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from puregss.base.flags import RequirementFlag
from puregss.base.oid import OID


class Inquired(Protocol):
    """The inquiries of an established context; `SecurityContext` has them."""

    @property
    def initiator_name(self) -> object: ...
    @property
    def target_name(self) -> object: ...
    @property
    def mech(self) -> OID: ...
    @property
    def enctype(self) -> str: ...
    @property
    def actual_flags(self) -> RequirementFlag: ...


class Peer(NamedTuple):
    """The client at the other end of an established context. No text holds a NUL: names spell it `\\0`."""

    initiator: str
    """Its authenticated name, a principal with its realm."""
    acceptor: str
    """The service it asked for."""
    mechanism: str
    """The mechanism's OID, dotted."""
    enctype: str
    """The name of the encryption type that protects messages."""
    flags: RequirementFlag
    """What the context gives: confidentiality, mutual authentication and so on."""
    address: str
    """`HOST:PORT` of the client."""
    accepted_by: int
    """The process that established the context."""


def peer_of(context: Inquired, address: str, accepted_by: int) -> Peer:
    """The client of an established context. It is text: front and worker keep it for as long as the connection."""
    initiator, acceptor = str(context.initiator_name), str(context.target_name)
    return Peer(
        initiator.replace("\0", "\\0"),
        acceptor.replace("\0", "\\0"),
        context.mech.dotted,
        context.enctype,
        context.actual_flags,
        address,
        accepted_by,
    )
