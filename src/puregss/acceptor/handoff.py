"""RFC 2743 §2.2.8, §2.2.9 between two processes: the messages of front and worker. Encode beside decode, no I/O.

They travel over a Unix socket pair that keeps message boundaries (SOCK_SEQPACKET). One datagram
holds one or more records:

    record = type, 1 octet | connection, 8 octets | length of the body, 4 octets, big endian | body

The connection is 0 where a record is not about one.

A hand-off is one datagram with one record, and in the connection topology the client's socket goes
with it (SCM_RIGHTS). Everything a client can influence is bounded before it gets here; a worker is
trusted with its own connections only, so the front takes no descriptors from it and each field is
checked on both sides.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple

from puregss.acceptor.peer import Peer
from puregss.base.errors import InvalidTokenError
from puregss.base.flags import RequirementFlag
from puregss.base.made import made

MAX_DATAGRAM: Final = 192 * 1024
"""The largest datagram: token, bytes already read and peer of one hand-off."""
MAX_NEWS: Final = 64 * 1024
"""The largest datagram of a worker."""
CHUNK: Final = 48 * 1024
"""The most that one Data record carries."""
_HEADER: Final = struct.Struct(">BQI")
_HEADER_SIZE: Final = _HEADER.size
_START: Final = struct.Struct(">Id4I")
_HAND_OFF: Final = struct.Struct(">?IIII")
_flags_of: Final = lru_cache(64)(RequirementFlag)
"""Making an enumeration's member is slow, and contexts differ in few of them."""


@dataclass(slots=True)
class Start:
    """Front to worker, first of all: who you are."""

    connection: ClassVar[int] = 0

    channel_key: bytes = field(repr=False)
    handler: str
    framing: str
    message_limit: int
    idle_timeout: float
    user: str
    """The system user to become before any context arrives; empty for no change."""


@dataclass(slots=True)
class Ready:
    """Worker to front: the handler is loaded, hand-offs are welcome."""

    connection: ClassVar[int] = 0


@dataclass(slots=True)
class Failed:
    """Worker to front: it cannot work, and why, in one sentence."""

    connection: ClassVar[int] = 0

    reason: str


class HandOff(NamedTuple):
    """Front to worker: a context sealed for this worker, and what came with it."""

    connection: int
    token: bytes
    leftover: bytes
    """Bytes that the front read from the client behind the last context token."""
    peer: Peer
    relayed: bool
    """Whether the front keeps the socket; if not, the socket comes with the datagram."""

    def __repr__(self) -> str:
        return f"<HandOff {self.connection} of {self.peer.initiator}>"  # neither token nor octets of the client's


class Acknowledged(NamedTuple):
    """Worker to front: the context is imported; it lives here now."""

    connection: int


@dataclass(slots=True)
class Refused:
    """Worker to front: the context could not be imported, and why; nothing was done with it."""

    connection: int
    reason: str


class Data(NamedTuple):
    """Relay, both ways: octets of the connection's stream."""

    connection: int
    octets: bytes


class Closed(NamedTuple):
    """Both ways: the connection is over."""

    connection: int
    reason: str = ""
    """Empty for an orderly end."""


@dataclass(slots=True)
class Drain:
    """Front to worker: no more hand-offs will come; exit when the connections are over, or after `seconds`."""

    connection: ClassVar[int] = 0

    seconds: float


Message = Start | Ready | Failed | HandOff | Acknowledged | Refused | Data | Closed | Drain


def encode_message(message: Message) -> bytes:
    """One record."""
    kind, encode = _ENCODERS[type(message)]
    body = encode(message)
    return _HEADER.pack(kind, message.connection, len(body)) + body


def decode_datagram(datagram: bytes) -> list[Message]:
    """The records of one datagram. InvalidTokenError if it is not made of whole, known records."""
    messages: list[Message] = []
    start, end = 0, len(datagram)
    try:
        while start < end:
            kind, connection, length = _HEADER.unpack_from(datagram, start)
            body = start + _HEADER_SIZE
            start = body + length
            messages.append(_DECODERS[kind](connection, datagram[body:start]))
    except (struct.error, IndexError) as error:
        raise InvalidTokenError("a record between front and worker is cut off, or of an unknown type") from error
    if start > end:
        raise InvalidTokenError("a record between front and worker is cut off")
    return messages


def _encode_start(message: Start) -> bytes:
    parts = message.channel_key, *map(_encode_text, (message.handler, message.framing, message.user))
    fixed = _START.pack(message.message_limit, message.idle_timeout, *map(len, parts))
    return b"".join((fixed, *parts))


def _decode_start(connection: int, body: bytes) -> Start:
    _check_nothing(connection)
    limit, timeout, *sizes = _START.unpack_from(body)
    parts, end = [], _START.size
    for size in sizes:
        start, end = end, end + size
        parts.append(body[start:end])
    if end != len(body):
        raise InvalidTokenError("the parts of a start between front and worker do not have their sizes")
    handler, framing, user = map(_decode_text, parts[1:])
    return Start(parts[0], handler, framing, limit, _seconds(timeout), user)


def _encode_hand_off(message: HandOff) -> bytes:
    token, leftover = message.token, message.leftover
    initiator, acceptor, mechanism, enctype, flags, address, accepted_by = message.peer
    fixed = _HAND_OFF.pack(message.relayed, flags, accepted_by, len(token), len(leftover))
    texts = "\0".join((initiator, acceptor, mechanism, enctype, address))
    return b"".join((fixed, token, leftover, _encode_text(texts)))


def _decode_hand_off(connection: int, body: bytes) -> HandOff:
    relayed, flags, accepted_by, token_size, leftover_size = _HAND_OFF.unpack_from(body)
    leftover_at = _HAND_OFF.size + token_size
    texts_at = leftover_at + leftover_size
    texts = _decode_text(body[texts_at:]).split("\0")
    if texts_at > len(body) or len(texts) != 5:  # a slice behind the end is empty
        raise InvalidTokenError("the parts of a hand-off between front and worker do not have their sizes")
    initiator, acceptor, mechanism, enctype, address = texts
    peer = made(Peer, (initiator, acceptor, mechanism, enctype, _flags_of(flags), address, accepted_by))
    token, leftover = body[_HAND_OFF.size : leftover_at], body[leftover_at:texts_at]
    return made(HandOff, (connection, token, leftover, peer, relayed))


def _encode_text(text: str) -> bytes:
    # Reasons may quote principals, which may hold any octets: surrogateescape carries them through.
    return text.encode("utf-8", "surrogateescape")


def _decode_text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _decode_acknowledged(connection: int, body: bytes) -> Acknowledged:
    _check_nothing(body)
    return made(Acknowledged, (connection,))


def _decode_ready(connection: int, body: bytes) -> Ready:
    _check_nothing(connection)
    _check_nothing(body)
    return Ready()


def _decode_failed(connection: int, body: bytes) -> Failed:
    _check_nothing(connection)
    return Failed(_decode_text(body))


def _decode_drain(connection: int, body: bytes) -> Drain:
    _check_nothing(connection)
    return Drain(_seconds(*struct.unpack(">d", body)))


def _check_nothing(field: object) -> None:
    if field:
        raise InvalidTokenError("a record between front and worker has what those of its type have not")


def _seconds(seconds: float) -> float:
    if not 0 <= seconds < float("inf"):
        raise InvalidTokenError("a time between front and worker is not a number of seconds")
    return seconds


_CODECS: Final[dict[type[Any], tuple[Callable[[Any], bytes], Callable[[int, bytes], Message]]]] = {
    Start: (_encode_start, _decode_start),
    Ready: (lambda message: b"", _decode_ready),
    Failed: (lambda message: _encode_text(message.reason), _decode_failed),
    HandOff: (_encode_hand_off, _decode_hand_off),
    Acknowledged: (lambda message: b"", _decode_acknowledged),
    Refused: (
        lambda message: _encode_text(message.reason),
        lambda connection, body: Refused(connection, _decode_text(body)),
    ),
    Data: (lambda message: message.octets, lambda connection, body: made(Data, (connection, body))),
    Closed: (
        lambda message: _encode_text(message.reason),
        lambda connection, body: made(Closed, (connection, _decode_text(body))),
    ),
    Drain: (lambda message: struct.pack(">d", message.seconds), _decode_drain),
}
_ENCODERS: Final = {kind: (number, encode) for number, (kind, (encode, _)) in enumerate(_CODECS.items())}
_DECODERS: Final = tuple(decode for _, decode in _CODECS.values())
