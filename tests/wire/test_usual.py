"""DER by place: where fields are found, what is compared, and what is left to the general decoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.wire import der
from puregss.wire.usual import (
    SMALL_NUMBERS,
    Places,
    Span,
    Unusual,
    behind,
    inside,
    inside_if_there,
    number,
    number_octets,
    opening,
    time,
    time_octets,
    whole,
)


def find(data: bytes) -> tuple[Span, ...]:
    """SEQUENCE { [0] INTEGER 5, [1] OCTET STRING, [2] OCTET STRING OPTIONAL }."""
    at, end = whole(data, 0x30)
    at = behind(data, at, b"\xa0\x03\x02\x01\x05")
    first = inside(data, at, end, 0xA1, 0x04)
    second = inside_if_there(data, first[1], end, 0xA2, 0x04)
    if second[1] != end:
        raise Unusual
    return first, second


def message(first: bytes, second: bytes | None) -> bytes:
    fields = b"\xa0\x03\x02\x01\x05" + der.encode_tlv(0xA1, der.encode_tlv(4, first))
    if second is not None:
        fields += der.encode_tlv(0xA2, der.encode_tlv(4, second))
    return der.encode_tlv(0x30, fields)


@given(messages=st.lists(st.tuples(st.binary(max_size=300), st.none() | st.binary(min_size=1, max_size=5)), max_size=8))
def test_fields_are_found_whatever_came_before(messages: list[tuple[bytes, bytes | None]]) -> None:
    places = Places(find)
    for first, second in messages:
        assert places.fields(message(first, second)) == (first, second or b"")


def test_of_a_known_size_what_lies_between_is_compared() -> None:
    """Fields may be anything; no other octet may differ, or the message is walked through anew."""
    walks: list[bytes] = []

    def counted(data: bytes) -> tuple[Span, ...]:
        walks.append(data)
        return find(data)

    places = Places(counted)
    known = message(b"first", b"second")
    for data in (known, message(b"FIRST", b"SECOND")):
        places.fields(data)
    assert walks == [known]
    assert places.fields(message(b"firsts", b"econd")) == (b"firsts", b"econd")
    assert len(walks) == 2
    for at in range(len(known)):
        altered = known[:at] + bytes((known[at] ^ 1,)) + known[at + 1 :]
        if at in range(11, 16) or at in range(20, 26):
            assert b"".join(places.fields(altered)) != b"firstsecond"
        else:
            with pytest.raises(Unusual):
                places.fields(altered)


def test_a_stranger_cannot_fill_memory_with_sizes() -> None:
    places = Places(find)
    for size in range(1000):
        places.fields(message(bytes(size), None))
    assert len(places._known) <= 256


def test_nor_with_parts() -> None:
    """What is kept of a message of many fields would be a multiple of the message."""
    places = Places(lambda data: [(at, at + 1) for at in range(len(data))])
    assert places.fields(b"few") == (b"f", b"e", b"w")
    assert places.fields(bytes(1000)) == (b"\0",) * 1000
    assert list(places._known) == [3]


def test_between_fields_and_around_them() -> None:
    parts = Places(find).between(message(b"first", b"second"))
    assert parts == (bytes.fromhex("3018 a003020105 a1070405"), bytes.fromhex("a2080406"), b"")


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "a1",
        "a103",
        "a203040101",  # another tag
        "a103020101",  # another tag inside
        "a1020401",  # cut off
        "a10404010101",  # the inner value is shorter
        "a103040201",  # the inner value is longer
        "a1810304 0101",  # a length that is not in its shortest form
        "a1800401 010000",  # an indefinite one
    ],
)
def test_what_is_not_strict_der_is_unusual(octets: str) -> None:
    data = bytes.fromhex(octets)
    with pytest.raises(Unusual):
        inside(data, 0, len(data), 0xA1, 0x04)


def test_a_value_must_not_run_past_its_limit_nor_be_followed_where_it_is_the_whole() -> None:
    data = bytes.fromhex("a103040101 00")
    assert inside(data, 0, 6, 0xA1, 0x04) == (4, 5)
    with pytest.raises(Unusual):
        inside(data, 0, 4, 0xA1, 0x04)
    with pytest.raises(Unusual):
        whole(data, 0xA1, 0x04)


def test_an_optional_value_is_there_or_is_nothing() -> None:
    data = bytes.fromhex("a103040101")
    assert inside_if_there(data, 0, 5, 0xA1, 0x04) == (4, 5)
    assert inside_if_there(data, 0, 5, 0xA2, 0x04) == (0, 0)
    assert inside_if_there(data, 5, 5, 0xA1, 0x04) == (5, 5)
    with pytest.raises(Unusual):  # nothing stands for a value that is not there
        inside_if_there(bytes.fromhex("a1020400"), 0, 4, 0xA1, 0x04)


@der.sequence
class Number:
    """An INTEGER in a SEQUENCE."""

    value: int


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 0x7FFF, 0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_numbers(value: int) -> None:
    octets = number_octets(value)
    assert der.encode_tlv(0x30, der.encode_tlv(2, octets)) == der.encode(Number(value=value))
    assert number(octets) == value


_NOT_OF_32_BITS = ["80", "ff7f", "0001", "000080", "007fffffff", "0000ffffffff", "010000000000", "0100000000", ""]


@pytest.mark.parametrize("octets", _NOT_OF_32_BITS)
def test_other_numbers_are_unusual(octets: str) -> None:
    with pytest.raises(Unusual):
        number(bytes.fromhex(octets))


@pytest.mark.parametrize("value", range(-3, 131))
def test_small_numbers(value: int) -> None:
    octets = der.encode(Number(value=value))[4:]
    assert SMALL_NUMBERS.get(octets) == (value if 0 <= value < 128 else None)


@pytest.mark.parametrize("value", [-1, 1 << 32])
def test_numbers_beyond_32_bits_are_not_written(value: int) -> None:
    with pytest.raises(Unusual):
        number_octets(value)


@der.sequence
class Time:
    """A GeneralizedTime in a SEQUENCE."""

    value: der.GeneralizedTime


@given(seconds=st.integers(-30610224000, 253402300799))
def test_times(seconds: int) -> None:
    octets = time_octets(seconds)
    assert time(octets) == seconds
    decoded = der.decode(Time, der.encode_tlv(0x30, der.encode_tlv(0x18, octets)))
    assert der.decode_time(decoded.value) == seconds


@pytest.mark.parametrize(
    "digits",
    ["20260229120000Z", "20261301000000Z", "20260101240000Z", "2026010100000 Z", "+0260101000000Z", "20260101000000",
     "20260101000000+", "20260101000000ZZ", ""],
)  # fmt: skip
def test_times_that_are_none_are_unusual(digits: str) -> None:
    with pytest.raises(Unusual):
        time(digits.encode())


def test_times_beyond_the_calendar_are_not_written() -> None:
    with pytest.raises(Unusual):
        time_octets(1 << 60)


@given(contents=st.binary(max_size=70000))
def test_values_begin_as_they_are_encoded(contents: bytes) -> None:
    value = der.encode_tlv(0x6E, contents)
    assert opening(0x6E, len(value)) + contents == value


@pytest.mark.parametrize("size", [-1, 0, 1, 130, 259])
def test_some_sizes_no_value_has(size: int) -> None:
    with pytest.raises(Unusual):
        opening(0x30, size)
