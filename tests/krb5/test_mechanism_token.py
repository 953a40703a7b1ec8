"""RFC 4121 §4.1: the framing of context tokens."""

from __future__ import annotations

import os

import pytest

from puregss.base.errors import BadMechanismError, GSSError, InvalidTokenError
from puregss.base.names import KERBEROS_ALIASES, MechType
from puregss.krb5.mechanism_token import AP_REP, AP_REQ, KRB_ERROR, decode_token, encode_token, random_sequence_number
from puregss.wire.framing import encode_framed


@pytest.mark.parametrize("token_id", [AP_REQ, AP_REP, KRB_ERROR])
def test_a_token_is_read_back(token_id: bytes) -> None:
    assert decode_token(encode_token(token_id, b"message")) == (token_id, b"message", True)


def test_the_framing_is_the_rfcs() -> None:
    assert encode_token(AP_REQ, b"!").hex() == "600e06092a864886f712010202010021"


@pytest.mark.parametrize("oid", sorted(KERBEROS_ALIASES, key=str), ids=str)
def test_other_names_of_the_mechanism_are_accepted(oid: object) -> None:
    framed = next(encode_framed(alias, AP_REQ + b"message") for alias in KERBEROS_ALIASES if alias == oid)
    assert decode_token(framed) == (AP_REQ, b"message", True)


@pytest.mark.parametrize(("first", "token_id"), [(0x6E, AP_REQ), (0x6F, AP_REP), (0x7E, KRB_ERROR)])
def test_a_bare_message_is_told_by_its_tag(first: int, token_id: bytes) -> None:
    assert decode_token(bytes((first, 0))) == (token_id, bytes((first, 0)), False)


def test_another_mechanism_is_named() -> None:
    with pytest.raises(BadMechanismError, match=r"1\.3\.6\.1\.5\.5\.2"):
        decode_token(encode_framed(MechType.spnego, b"token"))


@pytest.mark.parametrize("token", [b"", b"\x00", b"NTLMSSP\0", encode_token(AP_REQ, b"message")[:-1]])
def test_what_is_no_token_is_refused(token: bytes) -> None:
    with pytest.raises(InvalidTokenError):
        decode_token(token)


def test_every_octet_in_front_gives_a_token_or_a_gss_error() -> None:
    token = encode_token(AP_REQ, b"message")
    for place in range(len(token)):
        for value in range(256):
            try:
                decode_token(token[:place] + bytes((value,)) + token[place + 1 :])
            except GSSError:
                continue


def test_sequence_numbers_are_positive_for_peers_that_read_them_as_signed() -> None:
    numbers = [random_sequence_number(os.urandom) for _ in range(1000)]
    assert all(0 < number < 1 << 30 for number in numbers)
    assert len(set(numbers)) > 990
    assert random_sequence_number(bytes) == 1, "0 must not be sent: some peers leave it out"
