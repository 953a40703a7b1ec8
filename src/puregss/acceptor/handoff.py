"""RFC 2743 §2.2.8, §2.2.9 between two processes: the messages of front and worker. Encode beside decode, no I/O.

They travel over a Unix socket pair that keeps message boundaries (SOCK_SEQPACKET). One datagram
holds one or more records:

    record = type, 1 octet | length of the body, 4 octets, big endian | body

A hand-off is one datagram with one record, and in the connection topology the client's socket goes
with it (SCM_RIGHTS). Everything a client can influence is bounded before it gets here; a worker is
trusted with its own connections only, so the front takes no descriptors from it and each field is
checked on both sides.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from puregss.acceptor.peer import Peer
from puregss.base.errors import InvalidTokenError
from puregss.base.flags import RequirementFlag
from puregss.wire.reader import Reader

MAX_DATAGRAM: Final = 192 * 1024
"""The largest datagram either side sends: token, bytes already read and peer of one hand-off."""
CHUNK: Final = 48 * 1024
"""The most that one Data record carries."""
_ID: Final = struct.Struct(">Q")
_HEADER: Final = struct.Struct(">BI")
_CLOSED: Final = struct.Struct(">QIQQ")


@dataclass(frozen=True, slots=True)
class Start:
    """Front to worker, first of all: who you are."""

    channel_key: bytes = field(repr=False)
    handler: str
    framing: str
    message_limit: int
    idle_timeout: float
    user: str
    """The system user to become before any context arrives; empty for no change."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Worker to front: the handler is loaded, hand-offs are welcome."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Worker to front: it cannot work, and why, in one sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class HandOff:
    """Front to worker: a context sealed for this worker, and what came with it."""

    connection: int
    token: bytes = field(repr=False)
    leftover: bytes
    """Bytes that the front read from the client behind the last context token."""
    peer: Peer
    relayed: bool
    """Whether the front keeps the socket; if not, the socket comes with the datagram."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Worker to front: the context is imported; it lives here now."""

    connection: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Worker to front: the context could not be imported, and why; nothing was done with it."""

    connection: int
    reason: str


@dataclass(frozen=True, slots=True)
class Data:
    """Relay, both ways: octets of the connection's stream."""

    connection: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """Both ways: the connection is over, after so many messages and octets of them each way."""

    connection: int
    messages: int = 0
    received: int = 0
    sent: int = 0
    reason: str = ""
    """Empty for an orderly end."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Front to worker: no more hand-offs will come; exit when the connections are over, or after `seconds`."""

    seconds: float


Message = Start | Ready | Failed | HandOff | Acknowledged | Refused | Data | Closed | Drain

_TYPES: Final[tuple[type[Message], ...]] = (
    Start,
    Ready,
    Failed,
    HandOff,
    Acknowledged,
    Refused,
    Data,
    Closed,
    Drain,
)
_NUMBER: Final = {kind: number for number, kind in enumerate(_TYPES)}


def encode_message(message: Message) -> bytes:
    """One record."""
    body = _encode_body(message)
    return _HEADER.pack(_NUMBER[type(message)], len(body)) + body


def decode_datagram(datagram: bytes) -> list[Message]:
    """The records of one datagram. InvalidTokenError if it is not made of whole, known records."""
    reader, messages = Reader(datagram), []
    while not reader.at_end:
        number = reader.u8()
        body = reader.take(reader.u32())
        if number >= len(_TYPES):
            raise InvalidTokenError(f"a record between front and worker has the unknown type {number}")
        messages.append(_decode_body(_TYPES[number], body))
    return messages


def _encode_body(message: Message) -> bytes:
    match message:
        case HandOff():
            return _encode_hand_off(message)
        case Acknowledged():
            return _ID.pack(message.connection)
        case Data():
            return _ID.pack(message.connection) + message.octets
        case Closed():
            numbers = (message.connection, message.messages, message.received, message.sent)
            return _CLOSED.pack(*numbers) + _octets(message.reason)
        case Refused():
            return _ID.pack(message.connection) + _octets(message.reason)
        case Failed():
            return _octets(message.reason)
        case Drain():
            return struct.pack(">d", message.seconds)
        case Start():
            texts = (message.channel_key, *map(_octets, (message.handler, message.framing, message.user)))
            return _sized(*texts) + struct.pack(">Id", message.message_limit, message.idle_timeout)
        case Ready():
            return b""


def _decode_body(kind: type[Message], body: bytes) -> Message:
    reader = Reader(body)
    message: Message
    if kind is HandOff:
        message = _decode_hand_off(reader)
    elif kind is Acknowledged:
        message = Acknowledged(reader.u64())
    elif kind is Data:
        message = Data(reader.u64(), reader.rest())
    elif kind is Closed:
        message = Closed(reader.u64(), reader.u32(), reader.u64(), reader.u64(), _text(reader.rest()))
    elif kind is Refused:
        message = Refused(reader.u64(), _text(reader.rest()))
    elif kind is Failed:
        message = Failed(_text(reader.rest()))
    elif kind is Drain:
        message = Drain(_seconds(reader))
    elif kind is Start:
        key, handler, framing, user = (reader.take(reader.u32()) for _ in range(4))
        message = Start(key, _text(handler), _text(framing), reader.u32(), _seconds(reader), _text(user))
    else:
        message = Ready()
    if not reader.at_end:
        raise InvalidTokenError(f"a {kind.__name__} record between front and worker is too long")
    return message


def _encode_hand_off(message: HandOff) -> bytes:
    peer = message.peer
    texts = map(_octets, (peer.initiator, peer.acceptor, peer.mechanism, peer.enctype, peer.address))
    fixed = struct.pack(">Q?IQ", message.connection, message.relayed, peer.flags, peer.accepted_by)
    return fixed + _sized(message.token, message.leftover, *texts)


def _decode_hand_off(reader: Reader) -> HandOff:
    connection, relayed, flags, accepted_by = reader.u64(), reader.u8() != 0, reader.u32(), reader.u64()
    token, leftover, *texts = (reader.take(reader.u32()) for _ in range(7))
    initiator, acceptor, mechanism, enctype, address = map(_text, texts)
    peer = Peer(initiator, acceptor, mechanism, enctype, RequirementFlag(flags), address, accepted_by)
    return HandOff(connection, token, leftover, peer, relayed)


def _octets(text: str) -> bytes:
    # Principals may hold any octets (RFC 4120 §5.2.1 and history): surrogateescape carries them through.
    return text.encode("utf-8", "surrogateescape")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _sized(*values: bytes) -> bytes:
    return b"".join([part for value in values for part in (len(value).to_bytes(4, "big"), value)])


def _seconds(reader: Reader) -> float:
    seconds: float = struct.unpack(">d", reader.take(8))[0]
    if not 0 <= seconds < float("inf"):
        raise InvalidTokenError("a time between front and worker is not a number of seconds")
    return seconds
