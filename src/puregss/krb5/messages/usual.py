"""RFC 4120 §5.2: fields of the messages of an AP exchange, read by position where they have the usual form.

Every context costs four such messages, and reading them declaratively took a third of the acceptor's time. Functions
here raise `Unusual` or IndexError for whatever they do not recognize: fields that are long or rare, and all that is
malformed. The general decoders then decide; what is accepted here they decode to the same values.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from puregss.krb5.messages.fields import (
    AuthorizationData,
    EncryptedData,
    EncryptionKey,
    decode_authorization_data,
    remembered_principal,
)
from puregss.krb5.principal import Principal
from puregss.wire.der import GENERAL_STRING, SEQUENCE, application
from puregss.wire.usual import Unusual, nested, read_pair, read_typed_octets

_SMALL: Final = b"\xa0\x03\x02\x01"
"""[0] INTEGER of one octet, without that octet."""

VERSION: Final = _SMALL + b"\x05"
"""[0] INTEGER 5, with which the messages begin."""

_KVNO: Final = b"\xa1\x03\x02\x01"


def opened(data: bytes, number: int, fixed: bytes) -> int:
    """The offset behind `[APPLICATION number] SEQUENCE`, which fills `data`, and the first octets in it, `fixed`."""
    opening = _opening(number, fixed, len(data))
    if not data.startswith(opening):
        raise Unusual
    return len(opening)


@lru_cache(maxsize=1024)
def _opening(number: int, fixed: bytes, size: int) -> bytes:
    return nested(bytes((application(number), SEQUENCE)), size) + fixed


def read_principal(data: bytes, at: int, tag: int) -> tuple[Principal, int]:
    """A Realm under `tag` and a PrincipalName under the next one."""
    realm, name, at = read_pair(data, at, tag, GENERAL_STRING, SEQUENCE)
    return remembered_principal(realm, name), at


def read_key(data: bytes, at: int, tag: int) -> tuple[EncryptionKey, int]:
    """EncryptionKey under `tag`."""
    kind, octets, at = read_typed_octets(data, at, tag)
    return EncryptionKey(kind, octets), at


def read_sealed(data: bytes, at: int, tag: int) -> EncryptedData:
    """EncryptedData under `tag`, with which `data` ends."""
    head = _sealed_head(tag, len(data) - at)
    if not data.startswith(head, at):
        raise Unusual
    at += len(head)
    etype, kvno = data[at], None
    at += 1
    if data.startswith(_KVNO, at):
        kvno = data[at + 4]
        at += 5
    head = nested(b"\xa2\x04", len(data) - at)
    if etype > 0x7F or (kvno is not None and kvno > 0x7F) or not data.startswith(head, at):
        raise Unusual
    return EncryptedData(etype, kvno, data[at + len(head) :])


@lru_cache(maxsize=1024)
def _sealed_head(tag: int, size: int) -> bytes:
    return nested(bytes((tag, SEQUENCE)), size) + _SMALL


def read_authorization_data(data: bytes, at: int, tag: int) -> AuthorizationData:
    """AuthorizationData under `tag`, with which `data` ends; empty if `data` ends before it."""
    size = len(data) - at
    if not size:
        return ()
    head = nested(bytes((tag,)), size)
    if not data.startswith(head, at):
        raise Unusual
    at += len(head)
    single = _element_head(len(data) - at)
    if not data.startswith(single, at):
        return decode_authorization_data(data[at:])
    kind = data[at + len(single)]
    at += len(single) + 1
    head = nested(b"\xa1\x04", len(data) - at)
    if kind > 0x7F or not data.startswith(head, at):
        raise Unusual
    return ((kind, data[at + len(head) :]),)


@lru_cache(maxsize=1024)
def _element_head(size: int) -> bytes:
    """What a list of one element, its number below 128, begins with."""
    return nested(bytes((SEQUENCE, SEQUENCE)), size) + _SMALL
