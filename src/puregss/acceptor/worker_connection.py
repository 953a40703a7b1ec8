"""One client in the worker that holds its context: on its own socket, or through the front that kept it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Final, Protocol

from puregss.acceptor.handoff import CHUNK, Data, Message
from puregss.acceptor.loop import READ, WRITE, Loop
from puregss.acceptor.session import Session, reason_of

READ_SIZE: Final = 64 * 1024

OnClosed = Callable[["Connection", str], None]


class Connection(Protocol):
    """What the worker knows of a client, whichever way it is reached."""

    number: int
    session: Session
    active: float
    """When octets last came or went, on the monotonic clock: read behind the handler, for the time that it takes is not
    the client's silence."""

    @property
    def relayed(self) -> bool: ...
    def begin(self) -> None:
        """The import is acknowledged: the context may be used from here on."""

    def close(self, reason: str) -> None:
        """End it; `reason` is empty for an orderly end."""


class DirectConnection:
    """The connection topology: the socket came with the context."""

    __slots__ = ("_leftover", "_loop", "_on_closed", "_out", "_socket", "active", "number", "session")
    relayed: Final = False

    def __init__(
        self, number: int, session: Session, leftover: bytes, loop: Loop, client: socket.SocketType, on_closed: OnClosed
    ) -> None:
        self.number, self.session = number, session
        self.active = time.monotonic()
        self._leftover, self._out = leftover, b""
        self._loop, self._socket, self._on_closed = loop, client, on_closed

    def begin(self) -> None:
        if (fd := self._socket.fileno()) < 0:
            return
        self._loop.watch(fd, self._on_event)
        if self._leftover:
            leftover, self._leftover = self._leftover, b""
            self._serve(leftover)
            self.active = time.monotonic()

    def _on_event(self, events: int) -> None:
        try:
            if events & WRITE:
                self._send(b"")
            elif octets := self._socket.recv(READ_SIZE):
                self._serve(octets)
            else:
                self.session.ended = True
                self._send(b"")
        except BlockingIOError:
            pass
        except OSError as error:
            self.close(reason_of(error))
        self.active = time.monotonic()

    def _serve(self, octets: bytes) -> None:
        try:
            self._send(self.session.receive(octets))
        except Exception as error:  # a client that hung up or a defect that it sets off: the others shall not notice
            self.close(reason_of(error))

    def _send(self, octets: bytes) -> None:
        """Send what waits and these; the end of the session is the connection's once nothing waits."""
        waiting = self._out
        if out := waiting + octets:
            try:
                sent = self._socket.send(out)
            except BlockingIOError:
                sent = 0
            self._out = out = out[sent:]
            if bool(waiting) != bool(out):
                # While the client does not take its answers, no more of its questions are read.
                self._loop.watch(self._socket.fileno(), self._on_event, WRITE if out else READ)
        if self.session.ended and not out:
            self.close("")

    def close(self, reason: str) -> None:
        if (fd := self._socket.fileno()) >= 0:
            self._loop.forget(fd)
            self._socket.close()
            self.session.delete()
            self._on_closed(self, reason)


class RelayedConnection:
    """The relay topology: the front kept the socket and passes the stream on."""

    __slots__ = ("_leftover", "_on_closed", "_open", "_tell", "active", "number", "session")
    relayed: Final = True

    def __init__(
        self, number: int, session: Session, leftover: bytes, tell: Callable[[Message], None], on_closed: OnClosed
    ) -> None:
        self.number, self.session = number, session
        self.active = time.monotonic()
        self._leftover, self._tell, self._on_closed = leftover, tell, on_closed
        self._open = True

    def begin(self) -> None:
        if self._leftover:
            leftover, self._leftover = self._leftover, b""
            self.receive(leftover)

    def receive(self, octets: bytes) -> None:
        """Octets of the client's stream have come from the front."""
        try:
            answer = self.session.receive(octets)
        except Exception as error:  # see `DirectConnection`
            self.close(reason_of(error))
            return
        for start in range(0, len(answer), CHUNK):
            self._tell(Data(self.number, answer[start : start + CHUNK]))
        self.active = time.monotonic()
        if self.session.ended:
            self.close("")

    def close(self, reason: str) -> None:
        if self._open:
            self._open = False
            self.session.delete()
            self._on_closed(self, reason)
