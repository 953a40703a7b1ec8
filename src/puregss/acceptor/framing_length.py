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


class LengthFraming:
    """One connection that speaks this framing."""

    __slots__ = ("_buffer", "limit")

    def __init__(self, limit: int, established: bool = False) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_frame(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(buffer)
        if length > self.limit:
            raise InvalidTokenError(f"the peer announced a token of {length} octets; the limit here is {self.limit}")
        end = HEADER.size + length
        if len(buffer) < end:
            return None
        payload = bytes(buffer[HEADER.size : end])
        del buffer[:end]
        return made(Frame, (0, payload))

    def leftover(self) -> bytes:
        rest = bytes(self._buffer)
        self._buffer.clear()
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
