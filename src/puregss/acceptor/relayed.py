"""Programming guide, Figure 1-10: a client whose socket the front kept while a worker holds its context.

Data frames are passed on unread (the front has no keys any more), answers are passed back, and a
context token has no business here any more and ends the connection.
"""

from __future__ import annotations

import socket
from typing import Final, Protocol

from puregss.acceptor.framing import Framing, Kind
from puregss.acceptor.handoff import CHUNK, Closed, Data
from puregss.acceptor.loop import READ, WRITE, Loop
from puregss.acceptor.supervisor import WorkerProcess
from puregss.base.errors import GSSError, InvalidTokenError

READ_SIZE: Final = 64 * 1024
MOST_WAITING: Final = 64 * 1024 * 1024
"""Octets of answers that a client may leave untaken. Its questions stop at the first one; a worker might not."""
LINGER: Final = 10.0
"""Seconds for a client to take its last answers."""


class RelayHost(Protocol):
    """Who hears of the connection's end at this side: the front."""

    loop: Loop

    def on_relay_closed(self, relayed: RelayedClient) -> None: ...


class RelayedClient:
    """The front's half of a relayed connection."""

    __slots__ = (
        "_closing",
        "_ended",
        "_forwarding",
        "_framing",
        "_host",
        "_out",
        "_socket",
        "_wanted",
        "_worker",
        "deadline",
        "number",
    )

    def __init__(
        self, host: RelayHost, number: int, client: socket.SocketType, framing: Framing, worker: WorkerProcess
    ) -> None:
        self._host, self.number, self._socket = host, number, client
        self._framing, self._worker = framing, worker
        self._out = bytearray()
        self.deadline = float("inf")
        self._closing = self._ended = False
        self._forwarding = self._wanted = 0

    def begin(self) -> None:
        """The worker holds the context: pass on what was read already, and whatever comes."""
        self._advance()
        self._watch()

    def _watch(self) -> None:
        # While the worker or the client is slow, nothing more is read from the client.
        reading = not (self._out or self._forwarding or self._closing)
        wanted = (READ if reading else 0) | (WRITE if self._out else 0)
        if wanted != self._wanted and self._socket.fileno() >= 0:
            self._wanted = wanted
            self._host.loop.watch(self._socket.fileno(), self._on_event, wanted)

    def _on_event(self, events: int) -> None:
        try:
            if events & WRITE:
                self._flush()
            elif not self._wanted & READ:
                self._fail("the client hung up")  # readiness nobody asked for: the connection is gone both ways
            elif octets := self._socket.recv(READ_SIZE):
                self._framing.feed(octets)
                self._advance()
            else:
                # The answers under way still go out: the worker confirms the end behind the last of them.
                self._closing = True
                self._worker.send(Closed(self.number))
                self._watch()
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(f"the connection failed: {error.strerror or error}")

    def _advance(self) -> None:
        try:
            while (frame := self._framing.next_frame()) is not None:
                if self._framing.kind(frame) is Kind.CONTEXT:
                    raise InvalidTokenError("a context token came after the context was established")
                self._forward(self._framing.encode(frame))
        except GSSError as error:
            self._fail(str(error))

    def _forward(self, octets: bytes) -> None:
        for start in range(0, len(octets), CHUNK):
            self._forwarding += 1
            self._worker.send(Data(self.number, octets[start : start + CHUNK]), on_sent=self._forwarded)
        self._watch()

    def _forwarded(self) -> None:
        self._forwarding -= 1
        if self._wanted != READ:
            self._watch()

    def send(self, octets: bytes) -> None:
        """Octets of an answer have come from the worker."""
        self._out += octets
        self._flush()
        if len(self._out) > MOST_WAITING:
            self._fail(f"the client left {len(self._out)} octets of answers waiting")

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass
        except OSError as error:
            self._fail(f"the connection failed: {error.strerror or error}")
            return
        if self._closing and not self._out and self._ended:
            self.close()
        else:
            self._watch()

    def finish(self, orderly: bool) -> None:
        """The worker is done with the connection; after an orderly end the last answers still go out."""
        self._closing = self._ended = True
        if self._out and orderly:
            self.deadline = self._host.loop.now + LINGER
            self._watch()
        else:
            self.close()

    def _fail(self, reason: str) -> None:
        if self._socket.fileno() >= 0:
            self.close()
            self._worker.send(Closed(self.number, reason=reason))

    def close(self) -> None:
        """Close the socket. Called twice it does nothing more."""
        if self._socket.fileno() >= 0:
            self._host.loop.forget(self._socket.fileno())
            self._socket.close()
            self._host.on_relay_closed(self)
