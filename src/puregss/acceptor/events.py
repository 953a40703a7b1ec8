"""What happens to connections, told as it happens: for tables, counters and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from puregss.acceptor.peer import Peer


class What(Enum):
    """The turns of a connection's life as the front sees it."""

    ESTABLISHED = "established"
    """The context is complete, in the front."""
    SENT = "sent"
    """Sealed for a worker and on its way."""
    HELD = "held"
    """The worker acknowledged; the context lives there."""
    RECLAIMED = "reclaimed"
    """The worker died first; the context is the front's again, for another worker."""
    LOST = "lost"
    """The worker that held the context died, and the connection with it; it may have ended some 10 ms before."""
    CLOSED = "closed"
    """The worker reports an end; the detail is empty for an orderly one."""
    REFUSED = "refused"
    """The front sent the client away; the detail says why."""


@dataclass(frozen=True, slots=True)
class Event:
    """One turn. `worker` is a pid, 0 where none is concerned; `peer` is None before ESTABLISHED."""

    what: What
    connection: int
    address: str
    worker: int = 0
    peer: Peer | None = None
    detail: str = ""


Observer = Callable[[Event], None]


@dataclass(slots=True)
class Counters:
    """How often each turn was taken since the start."""

    accepted: int = 0
    established: int = 0
    handed_over: int = 0
    reclaimed: int = 0
    lost: int = 0
    refused: int = 0
    closed: int = 0
