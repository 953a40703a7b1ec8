"""The other end of the length framing (`framing_length`), over a blocking socket: for demos, tests, simple clients."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Protocol, Self

from puregss.acceptor.framing_length import LengthFraming, encode_frame
from puregss.base.errors import GSSError

READ_SIZE = 256 * 1024


class InitiatingContext(Protocol):
    """What the client asks of a context; `SecurityContext` has it."""

    @property
    def complete(self) -> bool: ...
    def step(self, token: bytes | None = None) -> bytes | None: ...
    def wrap(self, message: bytes, encrypt: bool) -> tuple[bytes, bool]: ...
    def unwrap(self, message: bytes) -> tuple[bytes, bool, int]: ...


class Client:
    """One connection to an acceptor. Every call may raise OSError, ConnectionError where the acceptor hangs up.

    `limit`: the longest answer taken, in octets. A second `ask` may come from another thread only
    after the first has returned.
    """

    def __init__(
        self, address: tuple[str, int], context: InitiatingContext, *, timeout: float = 30.0, limit: int = 2**26
    ) -> None:
        self.context = context
        self._socket = socket.create_connection(address, timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._framing = LengthFraming(limit)

    @property
    def address(self) -> tuple[str, int]:
        """This end, as the acceptor sees it."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def establish(self) -> None:
        """Authenticate. GSSError if either side refuses."""
        token = self.context.step(None)
        while token is not None:
            answer = self._exchange(token)
            if self.context.complete:
                if answer:
                    raise GSSError("the acceptor refused the connection with an error token")
                return
            token = self.context.step(answer)

    def ask(self, message: bytes, *, encrypt: bool = True) -> bytes:
        """Send a message, protected, and open the answer. GSSError if the answer does not verify."""
        answer, encrypted, _ = self.context.unwrap(self._exchange(self.context.wrap(message, encrypt)[0]))
        if encrypt and not encrypted:
            raise GSSError("the answer to a confidential message was not confidential")
        return answer

    def _exchange(self, token: bytes) -> bytes:
        self._socket.sendall(encode_frame(token))
        while (frame := self._framing.next_frame()) is None:
            octets = self._socket.recv(READ_SIZE)
            if not octets:
                raise ConnectionResetError("the acceptor closed the connection")
            self._framing.feed(octets)
        return frame.payload

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
