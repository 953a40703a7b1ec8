"""RFC 2743 §2.2.2 over one connection: a client on its way to a context, in the front."""

from __future__ import annotations

import logging
import socket
from typing import Any, Final, Protocol

from puregss.acceptor.framing import Framing
from puregss.acceptor.loop import READ, WRITE, Loop
from puregss.acceptor.peer import Inquired
from puregss.base.errors import GSSError

log = logging.getLogger(__name__)

READ_SIZE: Final = 64 * 1024
LINGER: Final = 2.0
"""Seconds for a refused client to read why: closing with its octets unread would destroy the error token."""


class AcceptingContext(Inquired, Protocol):
    """What the front asks of a context; `SecurityContext` has it."""

    @property
    def complete(self) -> bool: ...
    def step(self, token: bytes) -> bytes | None: ...
    def export(self, domain: Any, ttl: float) -> bytes: ...
    def delete(self) -> None: ...


class Host(Protocol):
    """Who takes the candidate when it is through, or hears why it is not: the front."""

    loop: Loop

    def on_established(self, candidate: Candidate) -> None: ...
    def on_refused(self, candidate: Candidate, reason: str) -> None: ...
    def on_gone(self, candidate: Candidate) -> None: ...


class Candidate:
    """A connected client whose context is not established yet."""

    __slots__ = (
        "_established",
        "_host",
        "_lingering",
        "_out",
        "_watching",
        "address",
        "context",
        "deadline",
        "framing",
        "number",
        "socket",
    )

    def __init__(
        self,
        host: Host,
        number: int,
        client: socket.SocketType,
        address: str,
        framing: Framing,
        context: AcceptingContext,
        deadline: float,
    ) -> None:
        self._host, self.number, self.socket, self.address = host, number, client, address
        self.framing, self.context, self.deadline = framing, context, deadline
        self._out = b""
        self._established = self._lingering = False
        self._watching = 0

    def begin(self) -> None:
        """Take what the client has sent by now, and watch for more."""
        self._on_event(READ)

    def _on_event(self, events: int) -> None:
        try:
            if events & WRITE:
                self._send(b"")
            elif octets := self.socket.recv(READ_SIZE):
                if not self._lingering:
                    self._advance(octets)
            elif self._lingering:
                self.close()
            else:
                self.refuse("the client hung up before its context was established")
        except BlockingIOError:
            pass
        except OSError as error:
            self.refuse(f"the connection failed: {error.strerror or error}")
        if self._established and not self._out and not self._lingering:
            if self._watching:
                self._host.loop.forget(self.socket.fileno())
            self._host.on_established(self)
        else:
            self._watch()

    def _watch(self) -> None:
        wanted = WRITE if self._out else READ
        if wanted != self._watching and self.socket.fileno() >= 0:
            self._watching = wanted
            self._host.loop.watch(self.socket.fileno(), self._on_event, wanted)

    def _advance(self, octets: bytes) -> None:
        """Step for every context token that is whole."""
        framing, context = self.framing, self.context
        try:
            framing.feed(octets)
            while not self._established and (frame := framing.next_frame()) is not None:
                token = framing.context_token(frame)
                if token is not None:
                    self._send(framing.encode_answer(context.step(token)))
                    self._established = context.complete
        except GSSError as error:
            self.refuse(str(error), error.token)
        except OSError:
            raise
        except Exception as error:
            # A defect of ours, set off by this client; the others shall not notice.
            log.debug("%s: defect", self.address, exc_info=True)
            self.refuse(f"internal error: {type(error).__name__}: {error}")

    def _send(self, octets: bytes) -> None:
        out = self._out + octets
        if out:
            try:
                sent = self.socket.send(out)
            except BlockingIOError:
                sent = 0
            self._out = out[sent:]

    def refuse(self, reason: str, token: bytes | None = None) -> None:
        """Send the error token, if there is one, and end. Called twice it does nothing more."""
        if self._lingering or self.socket.fileno() < 0:
            return
        self._lingering = True
        self.context.delete()
        self._host.on_refused(self, reason)
        last_words = self.framing.encode_refusal(token)
        if not last_words:
            self.close()
            return
        self.deadline = min(self.deadline, self._host.loop.now + LINGER)
        self.framing.leftover()
        try:
            self._send(last_words)
            self.socket.shutdown(socket.SHUT_WR)
            self._watch()
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the socket. Called twice it does nothing more."""
        if self.socket.fileno() >= 0:
            self._host.loop.forget(self.socket.fileno())
            self.socket.close()
            self._host.on_gone(self)
