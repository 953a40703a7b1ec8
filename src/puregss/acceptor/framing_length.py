"""RFC 2743 §1.1.2 leaves framing to the caller; this is our own: a length, then the token. No I/O.

    frame = length, 4 octets, big endian | token

Establishment: the initiator sends a frame with a context token, and the acceptor answers each one
with exactly one frame: the mechanism's next token, or an empty frame where it has none to send. So
the initiator is done when its own context is complete *and* the frame it sent last was answered;
without mutual authentication that answer is the empty frame, and anything else there is an error
token. An acceptor that refuses sends the error token, if the mechanism has one, and closes.

Data: each frame of the initiator holds a Wrap token (RFC 4121 §4.2.4); the acceptor answers each,
in order, with a frame that holds the wrapped answer, confidential if the question was. Whoever
wants no more closes the connection.
"""

from __future__ import annotations

import struct
from typing import Final

from puregss.acceptor.framing import DATA, DataContext, Frame, Handle, Kind
from puregss.base.errors import InvalidTokenError
from puregss.base.made import made

HEADER: Final = struct.Struct(">I")
_HEADER_SIZE: Final = HEADER.size


class LengthFraming:
    """One connection that speaks this framing."""

    __slots__ = ("_at", "_buffer", "limit")

    def __init__(self, limit: int, established: bool = False) -> None:
        self.limit = limit
        # Frames nearly always come whole, and then they are cut from the octets that came; else these are collected.
        self._buffer: bytes | bytearray = b""
        self._at = 0

    def feed(self, data: bytes) -> None:
        if not self._buffer:
            self._buffer = data
            return
        buffer = self._buffer if isinstance(self._buffer, bytearray) else bytearray(self._buffer)
        del buffer[: self._at]
        buffer += data
        self._buffer, self._at = buffer, 0

    def next_frame(self) -> Frame | None:
        buffer, at = self._buffer, self._at
        start = at + _HEADER_SIZE
        if len(buffer) < start:
            self._wait()
            return None
        (length,) = HEADER.unpack_from(buffer, at)
        if length > self.limit:
            raise InvalidTokenError(f"the peer announced a token of {length} octets; the limit here is {self.limit}")
        end = start + length
        if len(buffer) < end:
            self._wait()
            return None
        if len(buffer) == end:
            self._buffer, self._at = b"", 0
        else:
            self._at = end
        payload = buffer[start:end]
        return made(Frame, (0, payload if type(payload) is bytes else bytes(payload)))

    def _wait(self) -> None:
        """The beginning of a frame stays; what was given out goes, for it may be long until there is more."""
        if self._at:
            self._buffer, self._at = self._buffer[self._at :], 0

    def leftover(self) -> bytes:
        rest = bytes(self._buffer[self._at :])
        self._buffer, self._at = b"", 0
        return rest

    def context_token(self, frame: Frame) -> bytes | None:
        return frame.payload

    def encode_answer(self, token: bytes | None) -> bytes:
        return encode_frame(token or b"")

    def encode_refusal(self, token: bytes | None) -> bytes:
        return encode_frame(token) if token else b""

    def kind(self, frame: Frame) -> Kind:
        return DATA

    def encode(self, frame: Frame) -> bytes:
        return encode_frame(frame.payload)

    def converse(self, frame: Frame, context: DataContext, handle: Handle) -> bytes:
        message, encrypted, _ = context.unwrap(frame.payload)
        return encode_frame(context.wrap(handle(message), encrypted)[0])


def encode_frame(token: bytes) -> bytes:
    """A frame's bytes."""
    return HEADER.pack(len(token)) + token
