"""What wire/der.py adds to the library: lengths, raw values, flags, times, strings."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import InvalidTokenError
from puregss.wire import der
from puregss.wire.der import TLV, Box, Explicit, Implicit


@der.sequence
class Sample:
    number: Annotated[int, Explicit(0)]
    raw: Annotated[Box | None, Implicit(1)]


@der.sequence
class Samples:
    items: list[Sample]


def test_an_optional_raw_value_is_an_explicit_one() -> None:
    value = Sample(number=5, raw=Box(value=der.encode_general_string("ab")))
    octets = bytes.fromhex("300ba003020105a1041b026162")
    assert der.encode(value) == octets
    again = der.decode(Sample, octets)
    assert again.raw is not None
    assert der.decode_general_string(again.raw.value) == "ab"
    assert der.decode(Sample, bytes.fromhex("3005a003020105")).raw is None


def test_a_sequence_of_at_the_top() -> None:
    octets = bytes.fromhex("300e3005a0030201013005a003020102")
    items = der.decode_all(Samples, octets).items
    assert [item.number for item in items] == [1, 2]
    assert der.encode_all(Samples(items=items)) == octets
    assert der.encode_all(Samples(items=[])) == b"\x30\x00"


@pytest.mark.parametrize(
    ("length", "octets"), [(0, "00"), (127, "7f"), (128, "8180"), (255, "81ff"), (256, "820100"), (65536, "83010000")]
)
def test_lengths(length: int, octets: str) -> None:
    assert der.encode_length(length).hex() == octets
    assert der.decode_length(b"\x04" + bytes.fromhex(octets), 1) == (length, 1 + len(octets) // 2)


@pytest.mark.parametrize("octets", ["", "80", "817f", "820080", "8200ff", "81", "8201", "850100000000", "ff01"])
def test_lengths_that_are_not_der(octets: str) -> None:
    with pytest.raises(InvalidTokenError):
        der.decode_length(bytes.fromhex(octets), 0)


@pytest.mark.parametrize("octets", ["", "31023000", "300230", "3002300000", "3080", "30"])
def test_a_raw_value_must_fill_its_octets(octets: str) -> None:
    with pytest.raises(InvalidTokenError):
        der.decode_tlv(0x30, bytes.fromhex(octets))


@given(st.binary(max_size=300), st.sampled_from([0x30, 0x61, 0x1B, 0xA0]))
def test_raw_values_round_trip(contents: bytes, tag: int) -> None:
    octets = der.encode_tlv(tag, contents)
    assert der.decode_tlv(tag, octets) == contents
    assert der.tlv_octets(der.make_tlv(tag, contents), tag) == contents
    assert der.encode(der.make_tlv(tag, contents)) == octets


def test_a_field_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidTokenError, match="0x0c where 0x1b belongs"):
        der.decode_general_string(der.make_tlv(0x0C, b"ab"))
    with pytest.raises(InvalidTokenError):
        der.decode_general_string(der.decode(TLV, bytes.fromhex("1f8101026162")))


@given(st.binary(max_size=40))
def test_any_octets_survive_as_text(octets: bytes) -> None:
    text = der.decode_general_string(der.make_tlv(0x1B, octets))
    assert der.tlv_octets(der.encode_general_string(text), 0x1B) == octets


@given(st.integers(0, 253402300799))
def test_times_round_trip(seconds: int) -> None:
    assert der.decode_time(der.encode_time(seconds)) == seconds


@pytest.mark.parametrize("seconds", [1 << 40, -(1 << 40), 1 << 80])
def test_times_beyond_the_calendar(seconds: int) -> None:
    with pytest.raises(InvalidTokenError, match="years 1 to 9999"):
        der.encode_time(seconds)


def test_time_is_in_seconds_since_1970() -> None:
    time = der.decode(der.GeneralizedTime, b"\x18\x0f19940610060317Z")
    assert der.decode_time(time) == 771228197
    assert der.encode(der.encode_time(771228197)) == b"\x18\x0f19940610060317Z"
    assert (der.encode_optional_time(None), der.decode_optional_time(None)) == (None, None)


@given(st.integers(0, 2**32 - 1))
def test_flags_round_trip(flags: int) -> None:
    assert der.decode_flags(der.encode_flags(flags)) == flags


def test_forwardable_is_the_second_bit() -> None:
    assert der.encode(der.encode_flags(0x40000000)).hex() == "03050040000000"


@pytest.mark.parametrize(("octets", "flags"), [("030100", 0), ("03020640", 0x40000000)])
def test_short_flags_are_filled_with_zeros(octets: str, flags: int) -> None:
    assert der.decode_flags(der.decode(der.BitString, bytes.fromhex(octets))) == flags


def test_numbers_of_32_bits() -> None:
    assert der.decode_int32(-5) == -5
    assert der.decode_uint32(-1) == 0xFFFFFFFF
    for value in (1 << 31, -(1 << 31) - 1):
        with pytest.raises(InvalidTokenError, match="kvno"):
            der.decode_int32(value, "kvno")
    for value in (1 << 32, -(1 << 31) - 1):
        with pytest.raises(InvalidTokenError):
            der.decode_uint32(value)


def test_application_tags() -> None:
    assert [der.application(number) for number in (0, 1, 14, 30)] == [0x60, 0x61, 0x6E, 0x7E]
