"""RFC 2743 §3.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puregss.base.errors import GSSError, InvalidTokenError
from puregss.base.names import MechType
from puregss.wire.framing import decode_framed, encode_framed
from tests.vectors import load

MALFORMED = [v["token_hex"] for v in load("gss_tokens_malformed") if v["name"].startswith("truncated framing")]


@pytest.mark.parametrize("size", [0, 1, 113, 114, 115, 240, 241, 70000])
def test_round_trip(size: int) -> None:
    token = encode_framed(MechType.kerberos, bytes(size))
    assert decode_framed(token) == (MechType.kerberos, bytes(size))


def test_octets() -> None:
    assert encode_framed(MechType.kerberos, b"\x01\x00x").hex() == "600e06092a864886f712010202010078"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "60",
        "6000",
        "6080",
        "600106",
        "60020600",
        "60020605",
        "6003068001",
        "60030681ff",
        "6003060180",
        "610b06092a864886f712010202",
        "600c06092a864886f712010202",
        "600a06092a864886f712010202",
        "60810b06092a864886f712010202",
        "600b05092a864886f712010202",
        "600b060a2a864886f712010202",
        *MALFORMED,
    ],
)
def test_malformed(token: str) -> None:
    with pytest.raises(InvalidTokenError):
        decode_framed(bytes.fromhex(token))


@given(st.binary(max_size=40))
def test_hostile_octets(octets: bytes) -> None:
    for token in (octets, b"\x60" + bytes((len(octets),)) + octets):
        try:
            oid, inner = decode_framed(token)
        except GSSError:
            continue
        assert encode_framed(oid, inner) == token
