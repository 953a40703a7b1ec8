"""The token's octets: header, seal, contents. The published vectors are tried in test_vectors.py."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import GSSError, InvalidTokenError, OperationUnavailableError
from puregss.base.names import MechType
from puregss.base.oid import OID
from puregss.transfer.token import (
    HEADER_SIZE,
    MINIMUM_SIZE,
    VERSION,
    decode_header,
    encode_header,
    encode_name,
    open_,
    seal,
)

KEY, IDENTITY = bytes(range(32)), b"i" * 32
NAME = encode_name(b"tags", 123_456, b"serial-of-12")
HEADER = encode_header(2, NAME)


def token(oid: OID = MechType.kerberos, record: bytes = b"record") -> bytes:
    return seal(KEY, HEADER, IDENTITY, oid, record)


def read(octets: bytes) -> tuple[OID, bytes]:
    decode_header(octets)
    return open_(KEY, octets, IDENTITY)


def test_header_comes_back() -> None:
    header = decode_header(token())
    assert (header.kind, header.name, header.octets) == (2, NAME, HEADER)
    assert (header.domain_tag, header.expiry, header.serial) == (b"tags", 123_456, b"serial-of-12")


@pytest.mark.parametrize("oid", [MechType.kerberos, MechType.spnego, OID.from_dotted("1.3.6.1.4.1.99999.7")])
@pytest.mark.parametrize("record", [b"", b"\0", os.urandom(200)])
def test_contents_come_back(oid: OID, record: bytes) -> None:
    assert open_(KEY, token(oid, record), IDENTITY) == (oid, record)


def test_overhead_is_45_octets_for_kerberos() -> None:
    assert len(token(record=b"")) == MINIMUM_SIZE == 45


def test_record_does_not_stand_in_clear() -> None:
    assert b"alice@EXAMPLE.ORG" not in token(record=b"alice@EXAMPLE.ORG" * 4)


def test_every_flipped_bit_is_refused() -> None:
    whole = token()
    for bit in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((InvalidTokenError, OperationUnavailableError)):
            read(bytes(flipped))
    assert open_(KEY, whole, IDENTITY)


def test_every_truncation_and_addition_is_refused() -> None:
    whole = token()
    for size in range(len(whole)):
        with pytest.raises(InvalidTokenError):
            read(whole[:size])
    with pytest.raises(InvalidTokenError):
        open_(KEY, whole + b"\0", IDENTITY)


def test_seal_holds_for_one_key_and_one_domain() -> None:
    with pytest.raises(InvalidTokenError):
        open_(bytes(32), token(), IDENTITY)
    with pytest.raises(InvalidTokenError):
        open_(KEY, token(), b"j" * 32)


def test_another_version_is_told_as_such() -> None:
    newer = bytearray(token())
    newer[2] = VERSION + 1
    for octets in (bytes(newer), bytes(newer[:3])):
        with pytest.raises(OperationUnavailableError, match=f"version {VERSION + 1}"):
            decode_header(octets)


def test_a_raw_token_of_a_c_library_is_told_as_such() -> None:
    with pytest.raises(InvalidTokenError, match="C library"):
        decode_header(b"\x00\x00\x00\x0b" + bytes(200))


@pytest.mark.parametrize("contents", [b"\x05\x2a", b"\x02\x80\x01", b"\xff" + bytes(20)])
def test_contents_that_are_no_mechanism_are_refused(contents: bytes) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    forged = HEADER + AESGCM(KEY).encrypt(bytes(12), contents, HEADER + IDENTITY)
    with pytest.raises(InvalidTokenError):
        open_(KEY, forged, IDENTITY)


@given(st.binary(max_size=400))
def test_any_octets_end_in_a_status(octets: bytes) -> None:
    for candidate in (octets, HEADER + octets):
        with pytest.raises(GSSError):
            read(candidate)


def test_header_size_is_part_of_the_format() -> None:
    assert (len(HEADER), HEADER_SIZE) == (28, 28)
