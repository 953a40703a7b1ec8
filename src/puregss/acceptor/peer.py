"""RFC 2743 §2.2.6: what front and worker know of a client, and a handler with them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from puregss.base.flags import RequirementFlag
from puregss.base.made import made
from puregss.base.oid import OID


class Facts(Protocol):
    """What an inquiry tells; `InquireContextResult` is one."""

    @property
    def initiator_name(self) -> object: ...
    @property
    def target_name(self) -> object: ...
    @property
    def mech(self) -> OID: ...
    @property
    def flags(self) -> RequirementFlag: ...


class Inquired(Protocol):
    """An established context; `SecurityContext` is one."""

    @property
    def enctype(self) -> str: ...
    def inquire(self) -> Facts: ...


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
    facts = context.inquire()
    return made(
        Peer,
        (
            str(facts.initiator_name).replace("\0", "\\0"),
            str(facts.target_name).replace("\0", "\\0"),
            facts.mech.dotted,
            context.enctype,
            facts.flags,
            address,
            accepted_by,
        ),
    )
