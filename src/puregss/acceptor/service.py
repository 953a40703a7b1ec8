"""RFC 2743 §2.2.2 for a service: the front of an acceptor on real credentials."""

from __future__ import annotations

import socket

from puregss.acceptor.events import Observer, nobody
from puregss.acceptor.front import Authorize, Front, anybody
from puregss.acceptor.settings import Settings
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.transfer import reclaim_context
from puregss.kcrypto.enctypes import enctype_name
from puregss.system.clock import SystemClock


class AcceptedContext(SecurityContext):
    """A context that can name the encryption type of its messages, for the log."""

    __slots__ = ()

    @property
    def enctype(self) -> str:
        return enctype_name(self._kerberos().dangerous_session_key().enctype)


def make_front(
    listener: socket.socket,
    settings: Settings,
    credentials: Credentials,
    *,
    authorize: Authorize = anybody,
    observe: Observer = nobody,
) -> Front:
    """A front that accepts on the listening socket `listener` for `credentials`."""

    def make_context() -> AcceptedContext:
        return AcceptedContext(creds=credentials, usage="accept")

    return Front(listener, settings, make_context, reclaim_context, SystemClock(), authorize=authorize, observe=observe)
