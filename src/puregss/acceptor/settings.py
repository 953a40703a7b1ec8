"""What an acceptor is told: the service it offers and the limits it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Topology = Literal["connection", "relay"]


class AcceptorError(Exception):
    """The acceptor cannot do its work: one sentence for a person, what is at fault and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a client may ask of the acceptor. Sizes in octets, times in seconds."""

    token: int = 64 * 1024
    """One context token."""
    message: int = 16 * 1024 * 1024
    """One frame after the establishment."""
    handshake: float = 10.0
    """From the accepted connection to the established context."""
    idle: float = 300.0
    """Without an octet of a client whose context is established."""
    connections: int = 10_000
    """At once, those of all workers together; more wait in the listener's backlog."""
    acknowledge: float = 30.0
    """For a worker to acknowledge a hand-off; one that does not is hung, and is killed and replaced."""
    drain: float = 10.0
    """For connections to end by themselves once the acceptor is told to stop."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One acceptor."""

    handler: str = "echo"
    """`echo` or `module:function`."""
    framing: str = "length"
    """A name in `framings.FRAMINGS`."""
    topology: Topology = "connection"
    workers: int = 2
    user: str = ""
    """The system user that workers become; empty: the front's own."""
    limits: Limits = field(default_factory=Limits)
