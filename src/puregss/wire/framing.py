"""RFC 2743 §3.1: the mechanism-independent framing of initial context tokens."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from puregss.base.errors import InvalidTokenError
from puregss.base.oid import OID
from puregss.wire.der import application, decode_length, decode_tlv, encode_tlv

_TAG: Final = application(0)
_OID_TAG: Final = 0x06


def encode_framed(oid: OID, inner: bytes) -> bytes:
    """`inner` behind `[APPLICATION 0] IMPLICIT SEQUENCE { thisMech, ... }`."""
    return encode_tlv(_TAG, oid.der + inner)


def decode_framed(token: bytes) -> tuple[OID, bytes]:
    """The mechanism and the octets behind it. InvalidTokenError unless it is DER and spans the token."""
    contents = decode_tlv(_TAG, token, "a GSS-API initial token")
    if not contents or contents[0] != _OID_TAG:
        raise InvalidTokenError("a GSS-API token does not name its mechanism")
    length, start = decode_length(contents, 1)
    if length > len(contents) - start:
        raise InvalidTokenError("the mechanism's identifier runs past the end of the token")
    return _mechanism(contents[start : start + length]), contents[start + length :]


# Every token names one of the same few mechanisms. What is no identifier raises, and is not kept.
_mechanism = lru_cache(maxsize=64)(OID.from_contents)
