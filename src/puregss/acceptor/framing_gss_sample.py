"""The wire protocol, version 2, of the sample programs gss-client and gss-server. No I/O.

    frame = flags, 1 octet (absent where it would be 0) | length, 4 octets, big endian | payload

The initiator opens with NOOP|CONTEXT_NEXT, then CONTEXT frames alternate (the acceptor sends none
where its mechanism has no token to send), then each DATA frame is answered by the MIC of its
message or by NOOP, and a NOOP ends the session. What the handler returns is not sent: the answer
that the protocol has room for is the MIC.
"""

from __future__ import annotations

import logging
from enum import IntFlag

from puregss.acceptor.framing import DATA, DataContext, Frame, Handle, Kind
from puregss.base.errors import InvalidTokenError, UnauthorizedError

log = logging.getLogger(__name__)

LENGTH = 4


class Flag(IntFlag):
    """The bits of a frame's first octet."""

    NOOP = 0x01
    CONTEXT = 0x02
    DATA = 0x04
    MIC = 0x08
    CONTEXT_NEXT = 0x10
    WRAPPED = 0x20
    ENCRYPTED = 0x40
    SEND_MIC = 0x80


# Plain integers: an IntFlag operation costs about a microsecond, and these run for every message.
_NOOP, _CONTEXT, _CONTEXT_NEXT = int(Flag.NOOP), int(Flag.CONTEXT), int(Flag.CONTEXT_NEXT)
_WRAPPED, _ENCRYPTED, _SEND_MIC = int(Flag.WRAPPED), int(Flag.ENCRYPTED), int(Flag.SEND_MIC)
_MIC = int(Flag.MIC)


class GssSampleFraming:
    """One connection that speaks this protocol."""

    __slots__ = ("_buffer", "_opened", "limit")

    def __init__(self, limit: int, established: bool = False) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._opened = established

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next_frame(self) -> Frame | None:
        buffer = self._buffer
        if not buffer:
            return None
        flags = buffer[0]
        # A frame without flags starts with its length, whose first octet is 0.
        start = 1 if flags else 0
        header = start + LENGTH
        if len(buffer) < header:
            return None
        length = int.from_bytes(buffer[start:header], "big")
        if length > self.limit:
            raise InvalidTokenError(f"the peer announced a token of {length} octets; the limit here is {self.limit}")
        end = header + length
        if len(buffer) < end:
            return None
        payload = bytes(buffer[header:end])
        del buffer[:end]
        return Frame(flags, payload)

    def leftover(self) -> bytes:
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def context_token(self, frame: Frame) -> bytes | None:
        if self._opened:
            if not frame.flags & _CONTEXT:
                raise InvalidTokenError(f"expected a CONTEXT frame, got one with the flags {describe(frame.flags)}")
            return frame.payload
        if not frame.flags & _NOOP:
            raise InvalidTokenError(f"expected a NOOP frame first, got one with the flags {describe(frame.flags)}")
        if not frame.flags & _CONTEXT_NEXT:
            raise UnauthorizedError("the client wants no authentication (gss-client -na), and here it is required")
        self._opened = True
        return None

    def encode_answer(self, token: bytes | None) -> bytes:
        return encode_frame(_CONTEXT, token) if token else b""

    def encode_refusal(self, token: bytes | None) -> bytes:
        return self.encode_answer(token)

    def kind(self, frame: Frame) -> Kind:
        if frame.flags & _NOOP:
            return Kind.END
        return Kind.CONTEXT if frame.flags & _CONTEXT else DATA

    def encode(self, frame: Frame) -> bytes:
        return encode_frame(frame.flags, frame.payload)

    def converse(self, frame: Frame, context: DataContext, handle: Handle) -> bytes:
        flags, message = frame.flags, frame.payload
        if flags & _WRAPPED:
            message, encrypted, _ = context.unwrap(message)
            if flags & _ENCRYPTED and not encrypted:
                log.warning("a message was announced as encrypted but was not confidential")
        handle(message)
        if flags & _SEND_MIC:
            return encode_frame(_MIC, context.get_signature(message))
        return encode_frame(_NOOP, b"")


def encode_frame(flags: int, payload: bytes) -> bytes:
    """A frame's bytes; the flags octet is left out where it is 0."""
    length = len(payload).to_bytes(LENGTH, "big")
    return b"%c%b%b" % (flags, length, payload) if flags else length + payload


def describe(flags: int) -> str:
    """The names of a frame's flags, for a log line."""
    return "|".join(str(flag.name) for flag in Flag if flags & flag) or "none"
