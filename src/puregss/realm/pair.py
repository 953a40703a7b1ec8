"""RFC 2743 §1.2: two ends of an established context in one process."""

from __future__ import annotations

from typing import Any, NamedTuple

from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.name import Name
from puregss.gss.world import World


class ContextPair(NamedTuple):
    """Both ends, established."""

    initiator: SecurityContext
    acceptor: SecurityContext


def context_pair(world: World, service: str = "host@localhost", **arguments: Any) -> ContextPair:
    """Establish a context with `service`; `arguments` are the initiator's (`flags`, `mech`, `lifetime`, …).

    Channel bindings are given to both ends.
    """
    initiator = SecurityContext(name=Name(service, NameType.hostbased_service), world=world, **arguments)
    acceptor = SecurityContext(usage="accept", channel_bindings=arguments.get("channel_bindings"), world=world)
    token = initiator.step()
    while token is not None:
        token = acceptor.step(token)
        if token is not None:
            token = initiator.step(token)
    return ContextPair(initiator, acceptor)
