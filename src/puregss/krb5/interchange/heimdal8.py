"""RFC 2743 §2.2.8, as Heimdal's master (8, not yet released) and Samba's copy of it do it: packed numbers.

Read: Kerberos contexts of either role, also negotiated by SPNEGO. What it has no field for is lost:
authorization data, ticket flags, and all times but the end.
"""

from __future__ import annotations

from typing import Final

from puregss.base.errors import InvalidTokenError
from puregss.base.names import MechType
from puregss.krb5.interchange.foreign import bounded_name, half_open, is_kerberos, octets_of, unknown_mechanism
from puregss.krb5.interchange.heimdal import Coding
from puregss.krb5.principal import Principal, PrincipalNameType
from puregss.krb5.record import ContextRecord
from puregss.wire.reader import Reader

_ACCUMULATING: Final = 0x04
_MECHANISM_CONTEXT: Final = 0x08
_WHAT: Final = "Heimdal's token"


def _read_number(reader: Reader, width: int) -> int:
    """One octet below 128, else 128 plus the number of octets that follow."""
    first = reader.u8()
    if first < 0x80:
        return first
    size = first & 0x7F
    number = int.from_bytes(reader.take(min(size, 9)), "big")
    if not 0 < size <= width:
        raise InvalidTokenError(f"{_WHAT} is damaged: a number of {size} octets stands where {width} are the most")
    return number


def _write_number(number: int, width: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    octets = number.to_bytes(width, "big").lstrip(b"\0")
    return bytes((0x80 | len(octets),)) + octets


def _read_data(reader: Reader) -> bytes:
    return reader.take(_read_number(reader, 4))


def _write_data(data: bytes) -> bytes:
    return _write_number(len(data), 4) + data


def _read_name(reader: Reader) -> Principal:
    count = _read_number(reader, 4)
    # Each text takes an octet at least, so a false count soon finds the end of the token.
    realm, *components = (_read_data(reader).decode("utf-8", "surrogateescape") for _ in range(count + 1))
    return bounded_name(tuple(components), realm, PrincipalNameType.UNKNOWN)


def _write_name(name: Principal) -> bytes:
    texts = (name.realm, *name.components)
    return _write_number(len(name.components), 4) + b"".join(_write_data(octets_of(text)) for text in texts)


_CODING: Final = Coding(True, _read_number, _write_number, _read_name, _write_name)


def decode_heimdal8(token: bytes) -> ContextRecord:
    """The context in `token`. Errors as of `decode_mit`."""
    mechanism, body = _unwrapped(token)
    if mechanism == MechType.spnego.contents:
        mechanism, body = _unwrapped(_negotiated(body))
    if not is_kerberos(mechanism):
        raise unknown_mechanism(mechanism)
    return _CODING.decode(body)


def encode_heimdal8(record: ContextRecord) -> bytes:
    """The token that Heimdal's master and Samba import. Whoever reads it has the context's keys.

    OperationUnavailableError if sequence numbers do not fit into 32 bits.
    """
    contents = _write_data(MechType.kerberos.contents)
    return bytes((_MECHANISM_CONTEXT,)) + contents + _write_data(_CODING.encode(record))


def _unwrapped(token: bytes) -> tuple[bytes, bytes]:
    """The mechanism and its part of the token."""
    reader = Reader(token, what=_WHAT)
    kind = reader.u8()
    if kind & ~(_ACCUMULATING | _MECHANISM_CONTEXT):
        raise InvalidTokenError(f"{_WHAT} is of no version that puregss knows: it begins {kind:#04x}")
    if kind & _ACCUMULATING:  # a context token that came in parts, and of which parts are missing
        reader.u8()
        _read_number(reader, 4)
        _read_data(reader)
    mechanism, body = (_read_data(reader), _read_data(reader)) if kind & _MECHANISM_CONTEXT else (b"", b"")
    reader.finish()
    if kind != _MECHANISM_CONTEXT:
        raise half_open()
    return mechanism, body


# SPNEGO: which optional fields are there, in their order
_MECH_TYPES: Final = 0x01
_MECHANISMS: Final = (0x02, 0x04, 0x08)
_INNER: Final = 0x10
_MECH_FLAGS: Final = 0x20
_LIFETIME: Final = 0x40
_NAMES: Final = (0x80, 0x100)
_NEGOEX: Final = 0x200
_KNOWN: Final = 0x3FF

_OPEN: Final = 0x01
_SENT_MIC: Final = 0x10
_VERIFIED_MIC: Final = 0x20
_SAFE_OMIT: Final = 0x40


def _negotiated(body: bytes) -> bytes:
    """The whole token of the mechanism that SPNEGO settled on, once every octet around it has been checked."""
    reader = Reader(body, what=_WHAT)
    present = _read_number(reader, 2)
    if present & ~_KNOWN:
        raise InvalidTokenError(f"{_WHAT} is damaged: fields {present:#x} of SPNEGO are unknown")
    state = _read_number(reader, 2)
    for bit in (_MECH_TYPES, *_MECHANISMS):
        if present & bit:
            _read_data(reader)
    inner = _read_data(reader) if present & _INNER else None
    for bit in (_MECH_FLAGS, _LIFETIME):
        if present & bit:
            _read_number(reader, 4)
    for bit in _NAMES:
        if present & bit:
            _read_data(reader)
    if present & _NEGOEX:
        _skip_negoex(reader)
    reader.finish()
    proven = state & _SAFE_OMIT or (state & _SENT_MIC and state & _VERIFIED_MIC)
    if inner is None or not (state & _OPEN and proven):
        raise half_open()
    return inner


def _skip_negoex(reader: Reader) -> None:
    reader.u8()  # step
    _read_data(reader)  # transcript
    _read_number(reader, 4)  # sequence number
    reader.take(16)  # conversation
    for _ in range(reader.u8()):
        present = reader.u8()
        reader.u8()  # state
        if present & ~0x07:
            raise InvalidTokenError(f"{_WHAT} is damaged: fields {present:#x} of NegoEx are unknown")
        if present & 0x01:
            _read_data(reader)  # OID
        reader.take(16)  # scheme
        for bit in (0x02, 0x04):  # its context, its metadata
            if present & bit:
                _read_data(reader)
