"""The keytab file format (MIT's version 2, and 1): the long-term keys of services."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from puregss.base.errors import InvalidCredentialsError, InvalidTokenError
from puregss.krb5.principal import Principal, PrincipalNameType
from puregss.wire.reader import Reader

_MAGIC: Final = b"\x05\x02"
_MAGIC_NATIVE: Final = b"\x05\x01"


@dataclass(frozen=True, slots=True)
class KeytabEntry:
    """One key. `timestamp` is when it was written, in seconds since 1970."""

    principal: Principal
    kvno: int
    key_type: int
    key: bytes = field(repr=False)
    timestamp: int = 0


def decode_keytab(data: bytes) -> list[KeytabEntry]:
    """Every key of a keytab file, of any enctype, in the file's order.

    InvalidCredentialsError where the file is none or is damaged. The work is linear in the file's size.
    """
    magic = data[:2]
    if magic not in (_MAGIC, _MAGIC_NATIVE):
        raise InvalidCredentialsError("this is no keytab: it does not begin with the octets 05 02")
    native = magic == _MAGIC_NATIVE
    reader = _reader(data[2:], native)
    entries: list[KeytabEntry] = []
    try:
        while not reader.at_end:
            size = reader.i32()
            if size == 0:
                break
            record = reader.take(abs(size))
            if size > 0:
                entries.append(_decode_entry(_reader(record, native), native))
    except InvalidTokenError as error:
        raise InvalidCredentialsError(f"the keytab is damaged after {len(entries)} keys: {error.message}") from None
    return entries


def _reader(data: bytes, native: bool) -> Reader:
    return Reader(data, little=native and sys.byteorder == "little", what="the keytab")


def _decode_entry(reader: Reader, native: bool) -> KeytabEntry:
    count = reader.u16() - (1 if native else 0)
    realm = _text(reader)
    components = tuple(_text(reader) for _ in range(count))
    name_type: int = PrincipalNameType.PRINCIPAL if native else reader.i32()
    timestamp = reader.u32()
    kvno = reader.u8()
    key_type = reader.u16()
    key = reader.take(reader.u16())
    # A record may be longer than its entry: then these octets are a wider kvno, or zeros left from an older record.
    if reader.remaining >= 4:
        kvno = reader.u32() or kvno
    return KeytabEntry(Principal(components, realm, name_type), kvno, key_type, key, timestamp)


def _text(reader: Reader) -> str:
    return reader.take(reader.u16()).decode("utf-8", "surrogateescape")


def encode_keytab(entries: Iterable[KeytabEntry]) -> bytes:
    """A keytab file of version 2. InvalidCredentialsError if a name or a key is too long for the format."""
    try:
        records = [_encode_entry(entry) for entry in entries]
    except OverflowError:
        raise InvalidCredentialsError("a name, a key or a number is too big for a keytab") from None
    return _MAGIC + b"".join(len(record).to_bytes(4) + record for record in records)


def _encode_entry(entry: KeytabEntry) -> bytes:
    principal = entry.principal
    return b"".join(
        (
            len(principal.components).to_bytes(2),
            *map(_octets, (principal.realm, *principal.components)),
            int(principal.name_type).to_bytes(4, signed=True),
            entry.timestamp.to_bytes(4),
            (entry.kvno & 0xFF).to_bytes(1),
            entry.key_type.to_bytes(2),
            len(entry.key).to_bytes(2),
            entry.key,
            entry.kvno.to_bytes(4),
        )
    )


def _octets(text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    return len(octets).to_bytes(2) + octets
