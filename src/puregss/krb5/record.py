"""RFC 2743 §2.2.8: all that stays of an established Kerberos context, and its encoding for a transfer.

What is not in the record cannot survive a transfer, so nothing may be kept beside it that cannot be
derived from it again. The encoding is puregss's own: it stands inside a sealed interprocess token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import Final

from puregss.base.errors import GSSError, InvalidTokenError, OperationUnavailableError
from puregss.kcrypto.key import Key, key_size
from puregss.krb5.principal import Principal
from puregss.krb5.window import ROUND, WIDTH, SequenceWindow

_VERSION: Final = 3

_INITIATE: Final = 0x01
_REPLAY: Final = 0x02
_SEQUENCE: Final = 0x04
_BITMAP: Final = 0x08  # where numbers are missing among the last ones
_STARTTIME: Final = 0x10  # where it is not the authtime
_RENEW_TILL: Final = 0x20  # where it is not 0
_INITIATOR_REALM: Final = 0x40  # where it is not the acceptor's
_KNOWN_BITS: Final = 0x7F
_OF_FACTS: Final = _STARTTIME | _RENEW_TILL | _INITIATOR_REALM

_LAYOUT_SIZE: Final = 5
"""An octet each: version, bits, enctypes of session key, initiator's and acceptor's subkey (0: there is none)."""

_ALL: Final = (1 << WIDTH) - 1
_TIME_SIZE: Final = 5  # signed: the years 1 to 9999 of RFC 4120's KerberosTime do not fit into 32 bits
_NAME: Final = Struct(">iB")
_ELEMENT: Final = Struct(">iI")
_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 512


@dataclass(slots=True)
class ContextRecord:
    """One side of an established context. Times are seconds since 1970, 0 where the ticket has none.

    `send_seq` is the number of the next token to send; `recv` knows the peer's. `flags` are those of
    `RequirementFlag`, `ticket_flags` those of RFC 4120 §5.3 (bit 0 is the highest of 32). `authdata`
    holds (ad-type, ad-data) of the ticket.
    """

    initiate: bool
    flags: int
    initiator: Principal
    acceptor: Principal
    authtime: int
    starttime: int
    endtime: int
    renew_till: int
    ticket_flags: int
    session_key: Key
    initiator_subkey: Key | None
    acceptor_subkey: Key | None
    send_seq: int
    recv: SequenceWindow
    authdata: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)

    @property
    def message_key(self) -> Key:
        """RFC 4121 §2: the acceptor's subkey if there is one, else the initiator's, else the ticket's session key."""
        return self.acceptor_subkey or self.initiator_subkey or self.session_key


Facts = tuple[Principal, Principal, int, int, int, int, int]
"""What the ticket tells: initiator, acceptor, authtime, starttime, endtime, renew_till, ticket flags."""


@lru_cache(maxsize=256)
def _fields(layout: bytes) -> Struct:
    """What stands in every record of this layout, in order, before the facts: their octets are counted at the end.

    Nothing (`0s`) stands for what the layout leaves out.

    InvalidTokenError for bits and encryption types we lack, OperationUnavailableError for another version.
    """
    if layout and layout[0] != _VERSION:
        raise OperationUnavailableError(
            f"the context was written in format {layout[0]}; this version of puregss reads format {_VERSION}"
        )
    if len(layout) < _LAYOUT_SIZE:
        raise InvalidTokenError("the encoded context is cut off")
    bits = layout[1]
    if bits & ~_KNOWN_BITS or not layout[2]:
        raise InvalidTokenError(f"the encoded context has bits that format {_VERSION} lacks, or no session key")
    try:
        keys = [key_size(enctype) if enctype else 0 for enctype in layout[2:]]
    except GSSError as error:
        raise InvalidTokenError(f"the encoded context holds a key we cannot use: {error.message}") from error
    return Struct(f">{_LAYOUT_SIZE}sIQQQ{keys[0]}s{keys[1]}s{keys[2]}s{8 if bits & _BITMAP else 0}sI")


@lru_cache(maxsize=256)
def _layout(bits: int, *enctypes: int) -> tuple[bytes, Struct]:
    """The layout, and its fields."""
    layout = bytes((_VERSION, bits, *enctypes))
    return layout, _fields(layout)


@lru_cache(maxsize=8)
def _fact_fields(bits: int) -> Struct:
    """The same of the facts, before the names: flags and times."""
    start, renew = (_TIME_SIZE if bits & bit else 0 for bit in (_STARTTIME, _RENEW_TILL))
    return Struct(f">IbIbI{start}s{renew}s")


def encode_record(record: ContextRecord) -> bytes:
    """The record as octets: about 200, and the authorization data."""
    recv, acceptor, initiator = record.recv, record.acceptor, record.initiator
    expected = recv.next % ROUND
    bits = _INITIATE if record.initiate else 0
    if recv.do_replay:
        bits |= _REPLAY
    if recv.do_sequence:
        bits |= _SEQUENCE
    starttime = renew_till = bitmap = b""
    if record.starttime != record.authtime:
        bits |= _STARTTIME
        starttime = _encode_time(record.starttime)
    if record.renew_till:
        bits |= _RENEW_TILL
        renew_till = _encode_time(record.renew_till)
    if recv.bitmap != _unbroken(expected):
        bits |= _BITMAP
        bitmap = recv.bitmap.to_bytes(8, "big")
    if initiator.realm != acceptor.realm:
        bits |= _INITIATOR_REALM
    key, first, second = record.session_key, record.initiator_subkey, record.acceptor_subkey
    facts = _fact_fields(bits & _OF_FACTS).pack(
        record.ticket_flags,
        record.authtime >> 32, record.authtime & 0xFFFF_FFFF, record.endtime >> 32, record.endtime & 0xFFFF_FFFF,
        starttime, renew_till,
    )  # fmt: skip
    names = _encode_names(acceptor, initiator)
    layout, fields = _layout(bits, key.enctype, first.enctype if first else 0, second.enctype if second else 0)
    fixed = fields.pack(
        layout, record.flags, record.send_seq, recv.base, expected,
        key.dangerous_material(),
        first.dangerous_material() if first else b"",
        second.dangerous_material() if second else b"",
        bitmap, len(facts) + len(names),
    )  # fmt: skip
    octets = [fixed, facts, names]
    for ad_type, ad_data in record.authdata:
        octets += (_ELEMENT.pack(ad_type, len(ad_data)), ad_data)
    return b"".join(octets)


def decode_record(data: bytes) -> ContextRecord:
    """The record in `data`. InvalidTokenError if it is malformed, OperationUnavailableError for another version."""
    layout = data[:_LAYOUT_SIZE]
    fields = _fields(layout)
    if len(data) < fields.size:
        raise InvalidTokenError("the encoded context is cut off")
    _, bits, enctype, initiator_enctype, acceptor_enctype = layout
    (
        _, flags, send_seq, base, expected, session_key, initiator_subkey, acceptor_subkey, bitmap, size,
    ) = fields.unpack_from(data)  # fmt: skip
    end = fields.size + size
    if end > len(data):
        raise InvalidTokenError("the encoded context is cut off")
    # A client's contexts are made with one ticket, again and again: what it tells is decoded once, where it is short.
    read = _remembered_facts if size <= _LONGEST_REMEMBERED else _decode_facts
    initiator, acceptor, authtime, starttime, endtime, renew_till, ticket_flags = read(
        bits & _OF_FACTS, data[fields.size : end]
    )
    # By position: for a class that is called by names Python makes a dict of them first.
    recv = SequenceWindow(
        base,
        expected,
        int.from_bytes(bitmap, "big") if bitmap else _unbroken(expected),
        bits & _REPLAY != 0,
        bits & _SEQUENCE != 0,
    )
    return ContextRecord(
        bits & _INITIATE != 0,
        flags,
        initiator,
        acceptor,
        authtime,
        starttime,
        endtime,
        renew_till,
        ticket_flags,
        Key(enctype, session_key),
        Key(initiator_enctype, initiator_subkey) if initiator_enctype else None,
        Key(acceptor_enctype, acceptor_subkey) if acceptor_enctype else None,
        send_seq,
        recv,
        _decode_authdata(data, end),
    )


def _decode_facts(bits: int, data: bytes) -> Facts:
    fields = _fact_fields(bits)
    if len(data) < fields.size:
        raise InvalidTokenError("the encoded context is cut off")
    ticket_flags, authtime_high, authtime, endtime_high, endtime, starttime, renew_till = fields.unpack_from(data)
    authtime |= authtime_high << 32
    acceptor, initiator = _decode_names(data[fields.size :], bits & _INITIATOR_REALM != 0)
    return (
        initiator,
        acceptor,
        authtime,
        _decode_time(starttime) if starttime else authtime,
        endtime_high << 32 | endtime,
        _decode_time(renew_till) if renew_till else 0,
        ticket_flags,
    )


_remembered_facts = lru_cache(maxsize=_REMEMBERED)(_decode_facts)


def _unbroken(expected: int) -> int:
    """The bitmap of a window in which every number up to the expected one has arrived."""
    return (1 << expected) - 1 if expected < WIDTH else _ALL


def _encode_time(seconds: int) -> bytes:
    return seconds.to_bytes(_TIME_SIZE, "big", signed=True)


def _decode_time(octets: bytes) -> int:
    return int.from_bytes(octets, "big", signed=True)


# Names


def _encode_names(acceptor: Principal, initiator: Principal) -> bytes:
    return (_remembered_encoding if initiator.is_short else _encode_both)(
        acceptor.components, acceptor.realm, acceptor.name_type,
        initiator.components, initiator.realm, initiator.name_type,
    )  # fmt: skip


def _encode_both(
    components: tuple[str, ...], realm: str, name_type: int,
    initiator: tuple[str, ...], initiator_realm: str, initiator_type: int,
) -> bytes:  # fmt: skip
    initiator_texts = initiator if initiator_realm == realm else (*initiator, initiator_realm)
    return b"".join(
        (
            _NAME.pack(name_type, len(components)),
            *map(_encode_text, (*components, realm)),
            _NAME.pack(initiator_type, len(initiator)),
            *map(_encode_text, initiator_texts),
        )
    )


# The same service's, and those of clients that come again. Only clients' short ones are remembered, for strangers
# choose theirs; a service's are its own.
_remembered_encoding = lru_cache(maxsize=_REMEMBERED)(_encode_both)


def _encode_text(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    return len(octets).to_bytes(2, "big") + octets


def _decode_names(octets: bytes, with_initiator_realm: bool) -> tuple[Principal, Principal]:
    try:
        acceptor, at = _decode_principal(octets, 0, None)
        initiator, at = _decode_principal(octets, at, None if with_initiator_realm else acceptor.realm)
    except (IndexError, StructError) as error:
        raise InvalidTokenError("the names in the encoded context are cut off") from error
    if at != len(octets):
        raise InvalidTokenError("the names in the encoded context do not have their lengths")
    return acceptor, initiator


def _decode_principal(octets: bytes, at: int, realm: str | None) -> tuple[Principal, int]:
    name_type, count = _NAME.unpack_from(octets, at)
    at += _NAME.size
    texts = []
    for _ in range(count if realm is not None else count + 1):
        end = at + 2 + (octets[at] << 8 | octets[at + 1])
        texts.append(octets[at + 2 : end].decode("utf-8", "surrogateescape"))
        at = end
    if realm is None:
        realm = texts.pop()
    return Principal(tuple(texts), realm, name_type), at


# Authorization data


def _decode_authdata(data: bytes, at: int) -> tuple[tuple[int, bytes], ...]:
    elements = []
    size = len(data)
    try:
        while at < size:
            ad_type, length = _ELEMENT.unpack_from(data, at)
            start = at + _ELEMENT.size
            at = start + length
            elements.append((ad_type, data[start:at]))
    except StructError:
        at = size + 1
    if at > size:
        raise InvalidTokenError("the encoded context is cut off")
    return tuple(elements)
