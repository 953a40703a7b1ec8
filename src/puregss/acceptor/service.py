"""RFC 2743 §2.2.2 for a service: the front of an acceptor on real credentials."""

from __future__ import annotations

import socket

from puregss.acceptor.events import Observer
from puregss.acceptor.front import Authorize, Front, anybody
from puregss.acceptor.settings import Settings
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.transfer import reclaim_context
from puregss.gss.world import World
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelSender


def make_front(
    listener: socket.socket,
    settings: Settings,
    credentials: Credentials,
    *,
    authorize: Authorize = anybody,
    observe: Observer | None = None,
    world: World | None = None,
) -> Front:
    """A front that accepts on the listening socket `listener` for `credentials`, in `world` or the process's own."""

    def make_context() -> SecurityContext:
        return SecurityContext.accepting(credentials, world)

    def reclaim(token: bytes, sender: ChannelSender) -> SecurityContext:
        return reclaim_context(token, sender, world=world)

    return Front(listener, settings, make_context, reclaim, SystemClock(), authorize=authorize, observe=observe)
