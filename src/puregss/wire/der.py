"""X.690 DER over the declarative ASN.1 of `cryptography`, with what Kerberos needs beyond it.

The library knows no APPLICATION tags and no GeneralString, cannot make a `TLV`, refuses `TLV | None`
and a SEQUENCE OF at the top. `encode_tlv`/`decode_tlv`, `make_tlv`, `Box` and `encode_all`/`decode_all`
fill these gaps; nobody above `wire` calls the library itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeVar

from cryptography.hazmat.asn1 import (
    TLV,
    BitString,
    Explicit,
    GeneralizedTime,
    Implicit,
    decode_der,
    encode_der,
    sequence,
)

from puregss.base.errors import InvalidTokenError

__all__ = [
    "TLV",
    "BitString",
    "Box",
    "Explicit",
    "GeneralizedTime",
    "Implicit",
    "application",
    "decode",
    "decode_all",
    "decode_flags",
    "decode_general_string",
    "decode_int32",
    "decode_optional_time",
    "decode_time",
    "decode_tlv",
    "decode_uint32",
    "encode",
    "encode_all",
    "encode_flags",
    "encode_general_string",
    "encode_optional_time",
    "encode_time",
    "encode_tlv",
    "make_tlv",
    "sequence",
    "tlv_octets",
]

SEQUENCE: Final = 0x30
GENERAL_STRING: Final = 0x1B

_TWO_OCTETS: Final = 0x82
_LONG: Final = 4 + 0x100

_T = TypeVar("_T")


@sequence
class Box:
    """`Annotated[Box | None, Implicit(n)]` is an OPTIONAL `[n] EXPLICIT` value of any type.

    An EXPLICIT tag and an IMPLICIT tag on a SEQUENCE of one element are the same octets.
    """

    value: TLV


def application(number: int) -> int:
    """The identifier octet of a constructed `[APPLICATION number]` (number below 31)."""
    return 0x60 | number


def decode(cls: type[_T], data: bytes) -> _T:
    """One value of the `@sequence` class `cls`, all of `data`. InvalidTokenError for anything but strict DER."""
    try:
        return decode_der(cls, data)
    except (ValueError, OverflowError) as error:
        raise InvalidTokenError(f"{cls.__name__.lstrip('_')} is malformed: {error}") from None


def encode(value: object) -> bytes:
    """The DER of an instance of a `@sequence` class. InvalidTokenError if a field holds what its type cannot."""
    try:
        return encode_der(value)
    except (ValueError, OverflowError) as error:
        raise InvalidTokenError(f"{type(value).__name__.lstrip('_')} cannot be encoded: {error}") from None


def encode_length(length: int) -> bytes:
    """Length octets in the shortest form (X.690 §10.1)."""
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((0x80 | len(octets),)) + octets


def decode_length(data: bytes, offset: int) -> tuple[int, int]:
    """The length written at `offset` and the offset behind it. Only the shortest form, up to 2^32 - 1."""
    if offset >= len(data):
        raise InvalidTokenError("DER ends before a length")
    first = data[offset]
    offset += 1
    if first < 0x80:
        return first, offset
    count = first & 0x7F
    octets = data[offset : offset + count]
    if not 0 < count <= 4 or len(octets) < count:
        raise InvalidTokenError("a DER length is indefinite, too long or cut off")
    length = int.from_bytes(octets)
    if length < 0x80 or not octets[0]:
        raise InvalidTokenError("a DER length is not in its shortest form")
    return length, offset + count


def encode_tlv(tag: int, contents: bytes) -> bytes:
    """`contents` under the one-octet identifier `tag`."""
    return _head(tag, len(contents)) + contents


@lru_cache(maxsize=1024)
def _head(tag: int, length: int) -> bytes:
    """Messages of one kind differ little in length, and this is asked for more often than anything here."""
    return bytes((tag,)) + encode_length(length)


def decode_tlv(tag: int, data: bytes, what: str = "value") -> bytes:
    """The contents of `data`, which must be exactly one value with identifier octet `tag`."""
    size = len(data)
    # Most messages have 256 to 65535 octets; for them the general rules come down to this.
    if size >= _LONG and data[0] == tag and data[1] == _TWO_OCTETS and data[2] << 8 | data[3] == size - 4:
        return data[4:]
    if not data or data[0] != tag:
        found = f"tag 0x{data[0]:02x}" if data else "nothing"
        raise InvalidTokenError(f"{what} expected (tag 0x{tag:02x}), but there is {found}")
    length, start = decode_length(data, 1)
    if len(data) - start != length:
        raise InvalidTokenError(f"{what} says {length} octets, but there are {len(data) - start}")
    return data[start:]


def make_tlv(tag: int, contents: bytes) -> TLV:
    """A `TLV` to put into a field of that type."""
    return decode_der(TLV, encode_tlv(tag, contents))


def tlv_octets(tlv: TLV, tag: int, what: str = "value") -> bytes:
    """The contents of a `TLV` field, which must have the one-octet identifier `tag`."""
    found = tlv.tag_bytes
    if len(found) != 1 or found[0] != tag:
        raise InvalidTokenError(f"{what} has tag 0x{found.hex()} where 0x{tag:02x} belongs")
    return tlv.data.tobytes()


def decode_all(holder: type[_T], data: bytes) -> _T:
    """A SEQUENCE OF at the top: `holder` is a `@sequence` class whose one field is the list."""
    return decode(holder, encode_tlv(SEQUENCE, data))


def encode_all(holder: object) -> bytes:
    """The reverse of `decode_all`."""
    return decode_tlv(SEQUENCE, encode(holder))


def encode_general_string(text: str) -> TLV:
    """GeneralString. Text that came from octets that are not UTF-8 (surrogateescape) keeps them."""
    return make_tlv(GENERAL_STRING, text.encode("utf-8", "surrogateescape"))


def decode_general_string(tlv: TLV) -> str:
    """The text of a GeneralString; octets that are not UTF-8 survive as lone surrogates."""
    return tlv_octets(tlv, GENERAL_STRING, "GeneralString").decode("utf-8", "surrogateescape")


def encode_time(seconds: int) -> GeneralizedTime:
    """KerberosTime (RFC 4120 §5.2.3) of whole seconds since 1970."""
    try:
        return GeneralizedTime(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        raise InvalidTokenError(f"{seconds} seconds since 1970 is outside the years 1 to 9999") from None


def decode_time(time: GeneralizedTime) -> int:
    """Whole seconds since 1970; a fraction, which RFC 4120 §5.2.3 forbids, is dropped."""
    return int(time.as_datetime().timestamp())


def encode_optional_time(seconds: int | None) -> GeneralizedTime | None:
    """`encode_time`, and None for None."""
    return None if seconds is None else encode_time(seconds)


def decode_optional_time(time: GeneralizedTime | None) -> int | None:
    """`decode_time`, and None for None."""
    return None if time is None else decode_time(time)


def encode_flags(flags: int) -> BitString:
    """KerberosFlags (RFC 4120 §5.2.8): 32 bits, bit 0 of the RFC the most significant one (0x80000000)."""
    return BitString(flags.to_bytes(4), 0)


def decode_flags(bits: BitString) -> int:
    """The first 32 bits; a shorter string is filled with zeros, what a longer one says beyond is not ours."""
    return int.from_bytes(bits.as_bytes()[:4].ljust(4, b"\0"))


def decode_int32(value: int, what: str = "number") -> int:
    """An Int32 of RFC 4120 §5.2.4."""
    if not -0x80000000 <= value <= 0x7FFFFFFF:
        raise InvalidTokenError(f"{what} does not fit 32 bits")
    return value


def decode_uint32(value: int, what: str = "number") -> int:
    """A UInt32 of RFC 4120 §5.2.4. Old peers write those with the top bit set as negative numbers."""
    if not -0x80000000 <= value <= 0xFFFFFFFF:
        raise InvalidTokenError(f"{what} does not fit 32 bits")
    return value & 0xFFFFFFFF
