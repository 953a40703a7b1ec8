"""A cursor that never leaves its data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import InvalidTokenError
from puregss.wire.reader import Reader


def test_numbers() -> None:
    octets = bytes(range(1, 16)) + b"\xff\xff\xff\xfe"
    reader = Reader(octets)
    assert (reader.u8(), reader.u16(), reader.u32(), reader.u64()) == (1, 0x0203, 0x04050607, 0x08090A0B0C0D0E0F)
    assert reader.i32() == -2
    assert reader.at_end
    assert Reader(octets, little=True).u32() == 0x04030201


def test_octets() -> None:
    reader = Reader(b"abcdef")
    assert (reader.take(2), reader.remaining, reader.rest(), reader.remaining) == (b"ab", 4, b"cdef", 0)
    reader.finish()
    with pytest.raises(InvalidTokenError, match="the file has 1 octets too many"):
        Reader(b"a", what="the file").finish()


@pytest.mark.parametrize("count", [4, 1 << 63, -1])
def test_nothing_beyond_the_end(count: int) -> None:
    reader = Reader(b"abc", what="the file")
    with pytest.raises(InvalidTokenError, match="the file is cut off at octet 0"):
        reader.take(count)
    assert reader.take(3) == b"abc", "a refused read moves nothing"


@given(st.binary(max_size=20), st.lists(st.sampled_from(["u8", "u16", "u32", "u64", "i32"])))
def test_any_run_of_reads_ends_cleanly(octets: bytes, calls: list[str]) -> None:
    reader = Reader(octets)
    for call in calls:
        try:
            getattr(reader, call)()
        except InvalidTokenError:
            break
    assert reader.offset <= len(octets)
