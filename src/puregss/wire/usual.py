"""X.690 DER read and written by position: values in the form that nearly every peer writes.

What a value of a known size begins with is known as well, for DER leaves no choice; so tags and lengths are not
parsed but compared, and small numbers and times stand at places that follow. All readers take the octets and an
offset, and give a value and the offset behind it. They raise `Unusual` (or IndexError, at the end of the octets) where
the octets are anything else: malformed, or merely rare. What they accept is strict DER. Offsets may run past the end:
whoever calls them compares the last one with the size. The writers raise `Unusual` for values without such a form.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from puregss.wire.der import encode_length


class Unusual(Exception):
    """The general decoder or encoder is to be asked, which knows what is wrong with the value, if anything is."""


@lru_cache(maxsize=1024)
def nested(tags: bytes, size: int) -> bytes:
    """What values of one-octet `tags`, each in the one before, begin with if they are `size` octets in all.

    Unusual if no length octets lead to that size.
    """
    head = b""
    for tag in tags:
        length = next((size - 1 - octets for octets in range(1, 5) if _fits(size - 1 - octets, octets)), None)
        if length is None:
            raise Unusual
        head += bytes((tag,)) + encode_length(length)
        size = length
    return head


def _fits(length: int, octets: int) -> bool:
    return length >= 0 and len(encode_length(length)) == octets


def read_number(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """`[tag] EXPLICIT INTEGER`, from 0 to 2^32 - 1."""
    size = data[at + 3]
    first = data[at + 4]
    if data[at] != tag or data[at + 1] != size + 2 or data[at + 2] != 0x02 or not 0 < size < 6 or first > 0x7F:
        raise Unusual
    if (size > 1 and not first and data[at + 5] < 0x80) or (size == 5 and first):
        raise Unusual
    end = at + 4 + size
    return int.from_bytes(data[at + 4 : end], "big"), end


def write_number(tag: int, value: int) -> bytes:
    """The reverse of `read_number`."""
    if not 0 <= value <= 0xFFFFFFFF:
        raise Unusual
    size = value.bit_length() // 8 + 1
    return bytes((tag, size + 2, 0x02, size)) + value.to_bytes(size, "big")


def read_time(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """`[tag] EXPLICIT GeneralizedTime` of whole seconds: seconds since 1970."""
    if data[at] != tag or data[at + 1 : at + 4] != b"\x11\x18\x0f" or data[at + 18] != 0x5A:
        raise Unusual
    return _seconds(data[at + 4 : at + 18]), at + 19


@lru_cache(maxsize=256)
def write_time(tag: int, seconds: int) -> bytes:
    """The reverse of `read_time`."""
    try:
        digits = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S")
    except (ValueError, OverflowError, OSError):
        raise Unusual from None
    if len(digits) != 14:  # before the year 1000, where not every C library fills with zeros
        raise Unusual
    return bytes((tag, 0x11, 0x18, 0x0F)) + digits.encode() + b"Z"


@lru_cache(maxsize=1024)
def _seconds(digits: bytes) -> int:
    if not digits.isdigit():
        raise Unusual
    try:
        year = int(digits[:4])
        month, day, hour, minute, second = (int(digits[n : n + 2]) for n in range(4, 14, 2))
        time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Unusual from None
    return int(time.timestamp())


def read_typed_octets(data: bytes, at: int, tag: int) -> tuple[int, bytes, int]:
    """`[tag] EXPLICIT SEQUENCE { [0] INTEGER, [1] OCTET STRING }`, the number below 128: number, octets, offset."""
    length = data[at + 1]
    kind = data[at + 8]
    if data[at] != tag or not 11 <= length < 0x80 or kind > 0x7F:
        raise Unusual
    before, between = _typed_octets(length)
    if not (data.startswith(before, at + 2) and data.startswith(between, at + 9)):
        raise Unusual
    end = at + 2 + length
    return kind, data[at + 13 : end], end


def write_typed_octets(tag: int, kind: int, octets: bytes) -> bytes:
    """The reverse of `read_typed_octets`."""
    length = len(octets) + 11
    if length > 0x7F or not 0 <= kind <= 0x7F:
        raise Unusual
    before, between = _typed_octets(length)
    return b"".join((bytes((tag, length)), before, bytes((kind,)), between, octets))


@lru_cache(maxsize=128)
def _typed_octets(length: int) -> tuple[bytes, bytes]:
    return bytes((0x30, length - 2, 0xA0, 3, 2, 1)), bytes((0xA1, length - 9, 0x04, length - 11))


def read_pair(data: bytes, at: int, tag: int, first: int, second: int) -> tuple[bytes, bytes, int]:
    """`[n] EXPLICIT` and `[n + 1] EXPLICIT`, for `tag` the first one's: contents of values tagged `first`, `second`."""
    size, size2 = data[at + 1], data[at + 3]
    if data[at] != tag or data[at + 2] != first or size != size2 + 2 or size > 0x7F:
        raise Unusual
    middle = at + 2 + size
    left = data[at + 4 : middle]
    size, size2 = data[middle + 1], data[middle + 3]
    if data[middle] != tag + 1 or data[middle + 2] != second or size != size2 + 2 or size > 0x7F:
        raise Unusual
    end = middle + 2 + size
    return left, data[middle + 4 : end], end
