"""RFC 2743 §2.2.6: what front and worker know of a client, and a handler with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from puregss.base.flags import RequirementFlag

if TYPE_CHECKING:
    from puregss.gss.context import InquireContextResult
    from puregss.gss.name import Name


class Inquired(Protocol):
    """The inquiries of an established context; `SecurityContext` has them."""

    @property
    def enctype(self) -> str: ...
    def inquire(self) -> InquireContextResult: ...


@dataclass(slots=True, eq=False)
class Peer:
    """The client at the other end of an established context. Names are spelled when their text is asked for."""

    initiator_name: Name
    """Its authenticated name, with the attributes that its ticket gives it."""
    acceptor_name: Name
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

    @property
    def initiator(self) -> str:
        """The text of its name: a principal with its realm."""
        return str(self.initiator_name)

    @property
    def acceptor(self) -> str:
        """The text of the service's name."""
        return str(self.acceptor_name)


def peer_of(context: Inquired, address: str, accepted_by: int) -> Peer:
    """The client of an established context. It outlives the context."""
    known = context.inquire()
    return Peer(
        known.initiator_name, known.target_name, known.mech.dotted, context.enctype, known.flags, address, accepted_by
    )
