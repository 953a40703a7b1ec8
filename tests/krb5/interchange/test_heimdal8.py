"""RFC 2743 §2.2.8 as Heimdal's master does it: packed numbers, SPNEGO's own part, and what is refused."""

from __future__ import annotations

import pytest

from puregss.base.errors import GSSError, InvalidTokenError, OperationUnavailableError
from puregss.krb5.interchange.heimdal8 import decode_heimdal8, encode_heimdal8
from puregss.krb5.principal import Principal
from tests.krb5.contexts import full, record
from tests.krb5.interchange.samples import decoded, sample

INNER = sample("heimhead-aes256sha1-krb5-init")
SPNEGO = bytes.fromhex("08062b0601050502")
TOKEN = encode_heimdal8(full(True))


def data(octets: bytes) -> bytes:
    size = len(octets)
    return (bytes((size,)) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + octets


def spnego(present: int, state: int, *fields: bytes) -> bytes:
    return SPNEGO + data(b"\x82" + present.to_bytes(2, "big") + b"\x82" + state.to_bytes(2, "big") + b"".join(fields))


@pytest.mark.parametrize("state", [0x43, 0x41, 0x147, 0x31, 0x33])
def test_the_smallest_negotiated_context(state: int) -> None:
    assert decode_heimdal8(spnego(0x10, state, data(INNER))) == decoded("heimhead-aes256sha1-krb5-init")


@pytest.mark.parametrize("state", [0, 0x01, 0x40, 0x11, 0x21])
def test_negotiation_that_was_not_over(state: int) -> None:
    with pytest.raises(OperationUnavailableError, match="half-open"):
        decode_heimdal8(spnego(0x10, state, data(INNER)))
    with pytest.raises(OperationUnavailableError, match="half-open"):
        decode_heimdal8(spnego(0, 0x43))


def test_negoex_is_passed_over() -> None:
    scheme = b"\x07\x05" + data(b"\x2a\x03") + bytes(16) + data(b"a context") + data(b"metadata")
    negoex = b"\x02" + data(b"transcript") + b"\x03" + bytes(16) + b"\x02" + scheme + b"\0\0" + bytes(16)
    token = spnego(0x210, 0x43, data(INNER), negoex)
    assert decode_heimdal8(token) == decoded("heimhead-aes256sha1-krb5-init")
    for damaged in (token[:-1] + b"", spnego(0x210, 0x43, data(INNER), negoex[:-1])):
        with pytest.raises(InvalidTokenError):
            decode_heimdal8(damaged)
    with pytest.raises(InvalidTokenError, match="NegoEx"):
        decode_heimdal8(spnego(0x210, 0x43, data(INNER), negoex.replace(b"\x07\x05", b"\x0f\x05")))


def test_a_context_token_that_came_in_parts() -> None:
    partial = b"\x04\x01\x82\x02\xea" + data(b"x" * 100)
    with pytest.raises(OperationUnavailableError, match="half-open"):
        decode_heimdal8(partial)
    with pytest.raises(InvalidTokenError):
        decode_heimdal8(partial[:-1])
    with pytest.raises(OperationUnavailableError, match="half-open"):
        decode_heimdal8(b"\x0c" + partial[1:] + INNER[1:])


def test_negotiation_within_negotiation_goes_no_deeper() -> None:
    token = INNER
    for _ in range(2):
        token = spnego(0x10, 0x43, data(token))
    with pytest.raises(GSSError, match="mechanism"):
        decode_heimdal8(token)


def test_names_of_every_kind() -> None:
    for name in (Principal(("a/b", "c@d", "e\\f", "J\u00f6rg \udcff", "\0"), "R@/\\"), Principal(("x" * 300,), "")):
        assert decode_heimdal8(encode_heimdal8(record(False, initiator=name))).initiator == name


def test_numbers_beyond_32_bits_do_not_go() -> None:
    with pytest.raises(OperationUnavailableError, match="32 bits"):
        encode_heimdal8(record(True, send_seq=2**32))


@pytest.mark.parametrize(
    ("octets", "instead", "error", "sentence"),
    [
        (TOKEN[:2], b"\x09\x09", InvalidTokenError, "version"),
        (TOKEN[:2], b"\x00\x09", GSSError, "too many"),
        (b"\x81\xfc", b"\x82\x02\xfc", InvalidTokenError, "too many|fields"),
        (b"\x12\x20\x01", b"\x17\x20\x01", OperationUnavailableError, "rc4-hmac"),
        (b"\x12\x20\x01", b"\x80\x20\x01", InvalidTokenError, "0 octets"),
        (b"\x81\x93", b"\x81\x91", OperationUnavailableError, "half-open"),
    ],
)
def test_what_is_refused(octets: bytes, instead: bytes, error: type[GSSError], sentence: str) -> None:
    assert octets in TOKEN
    with pytest.raises(error, match=sentence):
        decode_heimdal8(TOKEN.replace(octets, instead, 1))


def test_a_context_without_names_is_damage() -> None:
    """What SAnon's token holds, if it were handed in as Kerberos."""
    body = sample("heimhead-sanon-init")
    with pytest.raises(InvalidTokenError, match="lacks names"):
        decode_heimdal8(body[body.index(b"\x08\x09\x2a\x86\x48", 1) :])


def test_absurd_names_are_damage() -> None:
    for name in (Principal(("x",) * 300, "R"), Principal(("x" * 70_000,), "R"), Principal((), "R")):
        with pytest.raises(InvalidTokenError, match="components"):
            decode_heimdal8(encode_heimdal8(record(False, initiator=name)))
