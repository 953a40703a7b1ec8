"""What the two sample programs share: framing tokens on a socket, and talking about what arrived.

The frames are those of the samples that come with MIT krb5: one octet of flags (left out where it
would be 0), four octets of length in network order, the token.
"""

from __future__ import annotations

import socket
from enum import IntFlag

from puregss import GSSError

MAX_TOKEN = 16 << 20


class Token(IntFlag):
    """What a frame is, and what was done to its message."""

    NOOP = 0x01
    CONTEXT = 0x02
    DATA = 0x04
    MIC = 0x08
    CONTEXT_NEXT = 0x10
    WRAPPED = 0x20
    ENCRYPTED = 0x40
    SEND_MIC = 0x80


def send_a_token(connection: socket.socket, flags: Token, token: bytes = b"") -> None:
    """Send one frame."""
    head = bytes([flags]) if flags else b""
    connection.sendall(head + len(token).to_bytes(4, "big") + token)


def recv_a_token(connection: socket.socket) -> tuple[Token, bytes]:
    """Receive one frame. ConnectionError if the peer goes away or announces nonsense."""
    first = _read(connection, 1)
    flags, length = (Token(first[0]), _read(connection, 4)) if first[0] else (Token(0), first + _read(connection, 3))
    size = int.from_bytes(length, "big")
    if size > MAX_TOKEN:
        raise ConnectionError(f"the peer announced a token of {size} octets")
    return flags, _read(connection, size)


def _read(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 1 << 16))
        if not part:
            raise ConnectionError("the peer closed the connection in the middle of the conversation")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def show_flags(flags: int) -> None:
    """One line for each flag that a context has."""
    names = ("DELEG", "MUTUAL", "REPLAY", "SEQUENCE", "CONF", "INTEG")
    for bit, name in enumerate(names):
        if flags & 1 << bit:
            print(f"context flag: GSS_C_{name}_FLAG")


def explain(error: GSSError | OSError) -> str:
    """What went wrong and what to do, in one sentence; the status itself is for programs."""
    return error.message if isinstance(error, GSSError) else str(error)
