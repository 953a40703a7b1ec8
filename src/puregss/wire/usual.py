"""X.690 DER by place: messages of one kind and size nearly always have their fields at the same places.

Where the fields of a message are is told by its tags and lengths alone, and DER leaves a writer no choice of them. So
once a message has been walked through by the strict rules, the octets between its fields prove the form of every
message of the same size that has the same octets there: `Places` cuts it where the other one had its fields, and
compares all that lies between them at once. What is accepted so is strict DER. Everything here raises `Unusual` (or
LookupError) for what is malformed, or merely rare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Final

from puregss.base.errors import InvalidTokenError
from puregss.wire.der import decode_length, encode_length

_MOST_SIZES: Final = 256
_MOST_PARTS: Final = 40
"""Sizes that are remembered for one kind of message, and the parts it is then cut into: strangers choose both."""

Span = tuple[int, int]
"""Where a field begins, and where it ends."""


class Unusual(Exception):
    """The general decoder or encoder is to be asked, which knows what is wrong with the value, if anything is."""


class Places:
    """The fields of one kind of message. `find` gives the spans of its fields in order, or raises `Unusual`.

    Every octet outside the spans must be one that `find` has looked at: a tag, a length, or a constant.
    """

    __slots__ = ("_find", "_known")

    def __init__(self, find: Callable[[bytes], Sequence[Span]]) -> None:
        self._find = find
        self._known: dict[int, tuple[Callable[[bytes], tuple[bytes, ...]], tuple[bytes, ...]]] = {}

    def fields(self, data: bytes) -> tuple[bytes, ...]:
        """What stands in the spans that `find(data)` gives."""
        known = self._known.get(len(data))
        if known is not None:
            cut, between = known
            parts = cut(data)
            if parts[::2] == between:
                return parts[1::2]
        return self._cut(data)[1::2]

    def between(self, data: bytes) -> tuple[bytes, ...]:
        """What stands before, between and behind them."""
        return self._cut(data)[::2]

    def _cut(self, data: bytes) -> tuple[bytes, ...]:
        layout, at = "", 0
        for start, end in self._find(data):
            layout += f"{start - at}s{end - start}s"
            at = end
        cut = Struct(f"{layout}{len(data) - at}s").unpack
        parts = cut(data)
        if len(parts) <= _MOST_PARTS:
            if len(self._known) >= _MOST_SIZES:
                self._known.clear()
            self._known[len(data)] = cut, parts[::2]
        return parts


# How spans are found


def inside(data: bytes, at: int, limit: int, *tags: int) -> Span:
    """What is in values of these one-octet tags, at `at`, each the whole contents of the one before.

    So its end is where the first value ends, too, which is not beyond `limit`.
    """
    end = limit
    for number, tag in enumerate(tags):
        if at >= end or data[at] != tag:
            raise Unusual
        try:
            length, at = decode_length(data, at + 1)
        except InvalidTokenError:
            raise Unusual from None
        if at + length > end or (number and at + length != end):
            raise Unusual
        end = at + length
    return at, end


def whole(data: bytes, *tags: int) -> Span:
    """`inside` values that fill `data`."""
    start, end = inside(data, 0, len(data), *tags)
    if end != len(data):
        raise Unusual
    return start, end


def inside_if_there(data: bytes, at: int, limit: int, *tags: int) -> Span:
    """`inside` an OPTIONAL value; nothing, at `at`, where there is none. So one with nothing in it is `Unusual`."""
    return something(inside(data, at, limit, *tags)) if at < limit and data[at] == tags[0] else (at, at)


def something(span: Span) -> Span:
    """The span of what must not be empty, where an empty one stands for a field that is not there."""
    if span[0] == span[1]:
        raise Unusual
    return span


def behind(data: bytes, at: int, constant: bytes) -> int:
    """The offset behind `constant`, which must stand at `at`."""
    if not data.startswith(constant, at):
        raise Unusual
    return at + len(constant)


# What stands in them


def number(octets: bytes) -> int:
    """An INTEGER's contents, from 0 to 2^32 - 1."""
    value = int.from_bytes(octets, "big")
    # The octets it takes with its sign: fewer are those of a negative number, more are not strict (X.690 §8.3.2).
    if value > 0xFFFFFFFF or value.bit_length() // 8 + 1 != len(octets):
        raise Unusual
    return value


SMALL_NUMBERS: Final = {bytes((value,)): value for value in range(0x80)}
"""Of an INTEGER's contents, from 0 to 127."""


def number_octets(value: int) -> bytes:
    """The reverse of `number`."""
    if not 0 <= value <= 0xFFFFFFFF:
        raise Unusual
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


@lru_cache(maxsize=1024)
def time(octets: bytes) -> int:
    """A GeneralizedTime's contents, of whole seconds: seconds since 1970."""
    digits = octets[:14]
    if len(octets) != 15 or octets[14] != 0x5A or not digits.isdigit():
        raise Unusual
    try:
        year = int(digits[:4])
        month, day, hour, minute, second = (int(digits[n : n + 2]) for n in range(4, 14, 2))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise Unusual from None
    return int(moment.timestamp())


@lru_cache(maxsize=256)
def time_octets(seconds: int) -> bytes:
    """The reverse of `time`."""
    try:
        digits = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S")
    except (ValueError, OverflowError, OSError):
        raise Unusual from None
    if len(digits) != 14:  # before the year 1000, where not every C library fills with zeros
        raise Unusual
    return digits.encode() + b"Z"


@lru_cache(maxsize=1024)
def opening(tag: int, size: int) -> bytes:
    """What a value of the one-octet `tag` begins with if it is `size` octets in all. Unusual if none is."""
    for octets in range(1, 5):
        length = size - 1 - octets
        if length >= 0 and len(encode_length(length)) == octets:
            return bytes((tag,)) + encode_length(length)
    raise Unusual
