"""RFC 2743 §2.3: the data life of one connection in the worker that holds its context. No I/O."""

from __future__ import annotations

from puregss.acceptor.framing import DATA, DataContext, Framing, Kind
from puregss.acceptor.handlers import Handler
from puregss.acceptor.peer import Peer
from puregss.acceptor.wording import plain
from puregss.base.errors import GSSError, InvalidTokenError


class HandlerError(Exception):
    """The handler raised, or returned something other than bytes."""


class Session:
    """Octets of the client's stream in, octets for it out."""

    __slots__ = ("_context", "_framing", "_handler", "ended", "peer")

    def __init__(self, context: DataContext, framing: Framing, handler: Handler, peer: Peer) -> None:
        self._context = context
        self._framing = framing
        self._handler = handler
        self.peer = peer
        self.ended = False
        """Whether the client said that it wants no more."""

    def receive(self, octets: bytes) -> bytes:
        """Serve every whole frame in the stream so far. GSSError or HandlerError end the connection."""
        framing, answers = self._framing, []
        framing.feed(octets)
        while not self.ended and (frame := framing.next_frame()) is not None:
            kind = framing.kind(frame)
            if kind is DATA:
                answers.append(framing.converse(frame, self._context, self._handle))
            elif kind is Kind.END:
                self.ended = True
            else:
                raise InvalidTokenError("a context token came after the context was established")
        return b"".join(answers)

    def delete(self) -> None:
        """The connection is over: forget the context's keys."""
        self.ended = True
        self._context.delete()

    def _handle(self, message: bytes) -> bytes:
        try:
            answer = self._handler(message, self.peer)
        except Exception as error:
            raise HandlerError(f"the handler failed: {type(error).__name__}: {error}") from error
        return answer if type(answer) is bytes else _as_bytes(answer)


def _as_bytes(answer: object) -> bytes:
    """What a handler may return as well."""
    if not isinstance(answer, bytes | bytearray | memoryview):
        raise HandlerError(f"the handler returned {type(answer).__name__}, not bytes")
    return bytes(answer)


def reason_of(error: Exception) -> str:
    """One line for the log."""
    text = str(error) if isinstance(error, GSSError | HandlerError | OSError) else f"{type(error).__name__}: {error}"
    return plain(" ".join(text.split()))
