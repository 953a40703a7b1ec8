"""RFC 2743 §2.2.6: what the front learned about a client, and what a handler may know of it."""

from __future__ import annotations

from typing import NamedTuple

from puregss.base.flags import RequirementFlag


class Peer(NamedTuple):
    """The client at the other end of an established context."""

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
