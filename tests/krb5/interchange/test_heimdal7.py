"""RFC 2743 §2.2.8 as Heimdal 7 does it: the layout octet by octet, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from puregss.base.errors import BadMechanismError, GSSError, InvalidTokenError, OperationUnavailableError
from puregss.krb5.interchange.heimdal7 import decode_heimdal7, encode_heimdal7
from puregss.krb5.principal import Principal
from tests.krb5.contexts import full, record
from tests.krb5.interchange.samples import sample

AUTH_FLAGS, KEYTYPE, MORE_FLAGS = 15, 145, 245  # of a token with three 32-octet keys and the samples' names
TOKEN = encode_heimdal7(full(True))


def test_octet_for_octet_what_heimdal_writes() -> None:
    """But for three words of which nothing depends."""
    token = sample("heim78-aes256sha1-krb5-acc")
    written = encode_heimdal7(decode_heimdal7(token))
    differences = {place for place, (one, two) in enumerate(zip(token, written, strict=True)) if one != two}
    assert differences == {AUTH_FLAGS + 3, KEYTYPE + 3, MORE_FLAGS + 3}


def test_what_there_is_no_field_for_is_gone() -> None:
    before = full(False)
    kept = replace(before, authtime=0, starttime=0, renew_till=0, ticket_flags=0)
    assert decode_heimdal7(encode_heimdal7(replace(before, authdata=((1, b"x"),)))) == kept


@pytest.mark.parametrize("endtime", [2**32 - 1, 2**33])
def test_a_context_without_end(endtime: int) -> None:
    assert b"\0\0\0\0" * 2 in encode_heimdal7(record(True, endtime=endtime))
    assert decode_heimdal7(encode_heimdal7(record(True, endtime=endtime))).endtime == 2**32 - 1


@pytest.mark.parametrize("endtime", [0, -1, 1])
def test_a_context_that_ended_long_ago_does_not_become_endless(endtime: int) -> None:
    assert decode_heimdal7(encode_heimdal7(record(True, endtime=endtime))).endtime == 1


def test_numbers_beyond_32_bits_do_not_go() -> None:
    with pytest.raises(OperationUnavailableError, match="32 bits"):
        encode_heimdal7(record(True, send_seq=2**32))


def test_names_of_every_kind() -> None:
    name = Principal(("a/b", "c@d", "e\\f", "J\u00f6rg \udcff"), "R@/\\")
    assert decode_heimdal7(encode_heimdal7(record(True, initiator=name))).initiator == name


@pytest.mark.parametrize(
    ("octets", "instead", "error", "sentence"),
    [
        (bytes.fromhex("00092a86"), bytes.fromhex("00092b86"), BadMechanismError, "mechanism"),
        (bytes.fromhex("0000001c00000005"), bytes.fromhex("0000003c00000005"), InvalidTokenError, "fields 0x3c"),
        (bytes.fromhex("0401000b06"), bytes.fromhex("0402000b06"), InvalidTokenError, "exported name"),
        (b"user@EXAMPLE.COM", b"user@EXAMPLE@COM", InvalidTokenError, "two realms"),
        (bytes.fromhex("00000093"), bytes.fromhex("00000091"), OperationUnavailableError, "half-open"),
        (bytes.fromhex("00120000002001"), bytes.fromhex("00110000002001"), InvalidTokenError, "16 are right"),
        (bytes.fromhex("00120000002001"), bytes.fromhex("00170000002001"), OperationUnavailableError, "rc4-hmac"),
        (bytes.fromhex("00120000002001"), bytes.fromhex("00100000002001"), OperationUnavailableError, "des3-cbc-sha1"),
        (bytes.fromhex("0000000000000014"), bytes.fromhex("0000001500000014"), InvalidTokenError, "in use"),
    ],
)
def test_what_is_refused(octets: bytes, instead: bytes, error: type[GSSError], sentence: str) -> None:
    assert octets in TOKEN
    with pytest.raises(error, match=sentence):
        decode_heimdal7(TOKEN.replace(octets, instead, 1))


def test_a_context_without_a_key_is_damage() -> None:
    at = TOKEN.index(bytes.fromhex("0000001c00000005"))
    keys = 3 * (2 + 4 + 32)
    with pytest.raises(InvalidTokenError, match="no key"):
        decode_heimdal7(TOKEN[:at] + bytes(4) + TOKEN[at + 4 : at + 12] + TOKEN[at + 12 + keys :])
