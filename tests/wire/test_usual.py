"""Values read and written by position: what a value begins with, and what is left to the general decoder."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.wire import der
from puregss.wire.usual import (
    Unusual,
    nested,
    read_number,
    read_pair,
    read_time,
    read_typed_octets,
    write_number,
    write_time,
    write_typed_octets,
)


@given(contents=st.binary(max_size=70000))
def test_nested_values_begin_as_they_are_encoded(contents: bytes) -> None:
    whole = der.encode_tlv(0x6E, der.encode_tlv(0x30, contents))
    assert nested(b"\x6e\x30", len(whole)) + contents == whole


@pytest.mark.parametrize("size", [-1, 0, 1, 130, 259])
def test_some_sizes_no_value_has(size: int) -> None:
    with pytest.raises(Unusual):
        nested(b"\x30", size)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_numbers(number: int) -> None:
    octets = write_number(0xA4, number)
    assert octets == der.encode_tlv(0xA4, der.encode(Number(value=number))[2:])
    assert read_number(b"--" + octets + b"--", 2, 0xA4) == (number, 2 + len(octets))


@der.sequence
class Number:
    """An INTEGER in a SEQUENCE."""

    value: int


@pytest.mark.parametrize(
    "octets",
    [
        "a403020180",  # negative
        "a40402020001",  # padded
        "a4080206010000000000",  # too long
        "a4070205 0100000000",  # 2^32
        "a4020200",  # empty
        "a5030201 05",  # another tag
        "a4030301 05",  # no INTEGER
        "a4040201 05",  # lengths that contradict each other
    ],
)
def test_other_numbers_are_unusual(octets: str) -> None:
    with pytest.raises((Unusual, IndexError)):
        read_number(bytes.fromhex(octets), 0, 0xA4)


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_numbers_beyond_32_bits_are_not_written(number: int) -> None:
    with pytest.raises(Unusual):
        write_number(0xA4, number)


@given(seconds=st.integers(-30610224000, 253402300799))
def test_times(seconds: int) -> None:
    octets = write_time(0xA5, seconds)
    assert read_time(octets, 0, 0xA5) == (seconds, 19)
    decoded = der.decode(Time, der.encode_tlv(0x30, octets[2:]))
    assert der.decode_time(decoded.value) == seconds


@der.sequence
class Time:
    """A GeneralizedTime in a SEQUENCE."""

    value: der.GeneralizedTime


@pytest.mark.parametrize(
    "digits", ["20260229120000Z", "20261301000000Z", "20260101240000Z", "2026010100000 Z", "+0260101000000Z"]
)
def test_times_that_are_none_are_unusual(digits: str) -> None:
    with pytest.raises(Unusual):
        read_time(b"\xa5\x11\x18\x0f" + digits.encode(), 0, 0xA5)
    with pytest.raises(Unusual):
        write_time(0xA5, 1 << 60)


@given(kind=st.integers(0, 127), octets=st.binary(max_size=116))
def test_typed_octets(kind: int, octets: bytes) -> None:
    written = write_typed_octets(0xA1, kind, octets)
    assert read_typed_octets(b"-" + written, 1, 0xA1) == (kind, octets, 1 + len(written))
    decoded = der.decode(Typed, written[2:])
    assert (decoded.kind, decoded.octets) == (kind, octets)


@der.sequence
class Typed:
    """A number and octets."""

    kind: Annotated[int, der.Explicit(0)]
    octets: Annotated[bytes, der.Explicit(1)]


@pytest.mark.parametrize(("kind", "size"), [(-1, 0), (128, 0), (1, 117)])
def test_typed_octets_of_another_form_are_not_written(kind: int, size: int) -> None:
    with pytest.raises(Unusual):
        write_typed_octets(0xA1, kind, bytes(size))


def test_pairs() -> None:
    octets = bytes.fromhex("a103 1b0141 a204 30020506")
    assert read_pair(octets, 0, 0xA1, 0x1B, 0x30) == (b"A", b"\x05\x06", len(octets))
    for at in (0, 1, 2, 3, 5, 6, 7, 8):
        with pytest.raises((Unusual, IndexError)):
            read_pair(octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :], 0, 0xA1, 0x1B, 0x30)
