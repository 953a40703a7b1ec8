"""RFC 4120 §5.2: fields of the messages of an AP exchange, found by place where they have the usual form.

Every context costs four such messages, and reading them declaratively took a third of the acceptor's time. Functions
here raise `Unusual` or LookupError for whatever they do not recognize: fields that are rare, and all that is
malformed. The general decoders then decide; what is accepted here they decode to the same values.
"""

from __future__ import annotations

from typing import Final

from puregss.base.made import made
from puregss.krb5.messages.fields import (
    AuthorizationData,
    EncryptedData,
    EncryptionKey,
    decode_authorization_data,
)
from puregss.wire.der import GENERAL_STRING, SEQUENCE
from puregss.wire.usual import SMALL_NUMBERS, Places, Span, Unusual, inside, inside_if_there, number, something, whole

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
GENERALIZED_TIME: Final = 0x18

VERSION: Final = b"\xa0\x03\x02\x01\x05"
"""[0] INTEGER 5, with which the messages begin."""

MESSAGE_TYPE: Final = b"\xa1\x03\x02\x01"
"""[1] INTEGER of one octet, without that octet: the messages' number."""

_MOST_ELEMENTS: Final = 8


def find_principal(data: bytes, at: int, limit: int, tag: int) -> tuple[Span, Span]:
    """A Realm under `tag`, and what is in a PrincipalName under the next one."""
    realm = inside(data, at, limit, tag, GENERAL_STRING)
    return realm, inside(data, realm[1], limit, tag + 1, SEQUENCE)


def find_typed(data: bytes, at: int, limit: int, *tags: int) -> tuple[Span, Span]:
    """A number and octets: what EncryptionKey, TransitedEncoding and an element of AuthorizationData are made of."""
    start, end = inside(data, at, limit, *tags, SEQUENCE)
    kind = inside(data, start, end, 0xA0, INTEGER)
    octets = inside(data, kind[1], end, 0xA1, OCTET_STRING)
    if octets[1] != end:
        raise Unusual
    return kind, octets


def find_typed_if_there(data: bytes, at: int, limit: int, tag: int) -> tuple[Span, Span]:
    """The same for an OPTIONAL field; two times nothing where there is none."""
    if at < limit and data[at] == tag:
        kind, octets = find_typed(data, at, limit, tag)
        return something(kind), octets
    return (at, at), (at, at)


def key_if_there(kind: bytes, octets: bytes) -> EncryptionKey | None:
    return made(EncryptionKey, (SMALL_NUMBERS[kind], octets)) if kind else None


def microseconds(octets: bytes) -> int:
    """An Int32 that is not negative; whether there are so many microseconds in a second is asked later."""
    value = number(octets)
    if value > 0x7FFFFFFF:
        raise Unusual
    return value


def find_sealed(data: bytes, at: int, limit: int, tag: int) -> tuple[Span, Span, Span]:
    """EncryptedData under `tag`, with which the message ends: enctype, version (or nothing) and ciphertext."""
    start, end = inside(data, at, limit, tag, SEQUENCE)
    etype = inside(data, start, end, 0xA0, INTEGER)
    kvno = inside_if_there(data, etype[1], end, 0xA1, INTEGER)
    cipher = inside(data, kvno[1], end, 0xA2, OCTET_STRING)
    if not cipher[1] == end == limit:
        raise Unusual
    return etype, kvno, cipher


def sealed(etype: bytes, kvno: bytes, cipher: bytes) -> EncryptedData:
    return made(EncryptedData, (SMALL_NUMBERS[etype], number(kvno) if kvno else None, cipher))


def authorization_data(octets: bytes) -> AuthorizationData:
    """AuthorizationData with its tag; no elements where there is nothing."""
    if not octets:
        return ()
    try:
        fields = _ELEMENTS.fields(octets)
        if len(fields) == 2:  # as KDCs have it: one box for all
            return ((SMALL_NUMBERS[fields[0]], fields[1]),)
        return tuple(zip(map(SMALL_NUMBERS.__getitem__, fields[::2]), fields[1::2], strict=True))
    except (Unusual, LookupError):
        return decode_authorization_data(octets)


def _find_elements(data: bytes) -> list[Span]:
    at, end = whole(data, SEQUENCE)
    spans: list[Span] = []
    while at < end:
        if len(spans) >= 2 * _MOST_ELEMENTS:
            raise Unusual
        spans += find_typed(data, at, end)
        at = spans[-1][1]
    return spans


_ELEMENTS: Final = Places(_find_elements)
