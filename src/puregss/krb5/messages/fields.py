"""RFC 4120 §5.2: the basic types that messages are made of, as Python values and as DER fields.

Messages are NamedTuples: as immutable as frozen dataclasses and ten times cheaper to make, which an
acceptor that decodes four of them for every context feels. Classes with a leading underscore are the DER side;
each has a docstring, for `dataclass` takes its time at the import to invent a missing one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from puregss.base.errors import InvalidTokenError
from puregss.krb5.principal import LONGEST_REMEMBERED, Principal
from puregss.wire.der import (
    GENERAL_STRING,
    SEQUENCE,
    TLV,
    Box,
    Explicit,
    decode,
    decode_all,
    decode_general_string,
    decode_int32,
    decode_tlv,
    decode_uint32,
    encode,
    encode_all,
    encode_general_string,
    encode_tlv,
    make_tlv,
    sequence,
)

PVNO: Final = 5
MINOR_BASE: Final = -1765328384
"""Kerberos error codes as minor statuses: `MINOR_BASE` plus the code of RFC 4120 §7.5.9, as every peer shows them."""

AuthorizationData = tuple[tuple[int, bytes], ...]
"""RFC 4120 §5.2.6: (ad-type, ad-data) pairs in order."""


class EncryptedData(NamedTuple):
    """RFC 4120 §5.2.9. `kvno` None: not said."""

    etype: int
    kvno: int | None
    cipher: bytes


class EncryptionKey(NamedTuple):
    """RFC 4120 §5.2.9: key octets as they travel; they may be of an enctype we lack. Its repr keeps them to itself."""

    keytype: int
    keyvalue: bytes

    def __repr__(self) -> str:
        return f"EncryptionKey(keytype={self.keytype})"


class Checksum(NamedTuple):
    """RFC 4120 §5.2.9."""

    cksumtype: int
    checksum: bytes


class HostAddress(NamedTuple):
    """RFC 4120 §5.2.5."""

    addr_type: int
    address: bytes


# -- the DER side --


@sequence
class _PrincipalName:
    """RFC 4120 §5.2.2."""

    name_type: Annotated[int, Explicit(0)]
    name_string: Annotated[list[TLV], Explicit(1)]


@sequence
class DerEncryptedData:
    """RFC 4120 §5.2.9."""

    etype: Annotated[int, Explicit(0)]
    kvno: Annotated[int | None, Explicit(1)]
    cipher: Annotated[bytes, Explicit(2)]


@sequence
class DerTypedOctets:
    """EncryptionKey, Checksum, HostAddress and AuthorizationData's elements: a number and octets, tagged 0 and 1."""

    kind: Annotated[int, Explicit(0)]
    octets: Annotated[bytes, Explicit(1)]


@sequence
class _TypedOctetsList:
    """AuthorizationData, RFC 4120 §5.2.6."""

    items: list[DerTypedOctets]


_REALM_TAG: Final = bytes((GENERAL_STRING,))
_NAME_TAG: Final = bytes((SEQUENCE,))


def decode_principal(realm: TLV, name: TLV) -> Principal:
    """Realm and PrincipalName put together."""
    if realm.tag_bytes != _REALM_TAG or name.tag_bytes != _NAME_TAG:
        raise InvalidTokenError("a name is not made of a Realm and a PrincipalName")
    return principal_of(realm.data.tobytes(), name.data.tobytes())


def principal_of(realm: bytes, name: bytes) -> Principal:
    """The same, of the contents of both values. Only short ones are remembered, so a stranger cannot fill memory."""
    if len(realm) + len(name) <= LONGEST_REMEMBERED:
        return _remembered_principal(realm, name)
    return _decode_principal(realm, name)


def _decode_principal(realm: bytes, name: bytes) -> Principal:
    value = decode(_PrincipalName, encode_tlv(SEQUENCE, name))
    components = tuple(map(decode_general_string, value.name_string))
    return Principal(components, realm.decode("utf-8", "surrogateescape"), decode_int32(value.name_type, "name-type"))


# The same few names come with every context.
_remembered_principal = lru_cache(maxsize=512)(_decode_principal)


def encode_name(principal: Principal) -> TLV:
    """The PrincipalName field of `principal`."""
    return (_remembered_name if principal.is_short else _encode_name)(principal.components, int(principal.name_type))


def _encode_name(components: tuple[str, ...], name_type: int) -> TLV:
    value = encode(_PrincipalName(name_type=name_type, name_string=[encode_general_string(c) for c in components]))
    return make_tlv(SEQUENCE, decode_tlv(SEQUENCE, value))


_remembered_name = lru_cache(maxsize=512)(_encode_name)


def encode_realm(realm: str) -> TLV:
    """The Realm field."""
    return (_remembered_realm if len(realm) <= LONGEST_REMEMBERED else encode_general_string)(realm)


_remembered_realm = lru_cache(maxsize=512)(encode_general_string)


def decode_optional_principal(realm: Box | None, name: Box | None, default_realm: str = "") -> Principal | None:
    """A name that may be absent; None without one."""
    if name is None:
        return None
    if realm is None:
        return decode_principal(encode_realm(default_realm), name.value)
    return decode_principal(realm.value, name.value)


def encode_optional_name(principal: Principal | None) -> Box | None:
    return None if principal is None else Box(value=encode_name(principal))


def encode_optional_realm(principal: Principal | None) -> Box | None:
    return None if principal is None else Box(value=encode_realm(principal.realm))


def decode_encrypted_data(value: DerEncryptedData) -> EncryptedData:
    kvno = value.kvno
    if kvno is not None:
        kvno = decode_uint32(kvno, "kvno")
    return EncryptedData(decode_int32(value.etype, "etype"), kvno, value.cipher)


def encode_encrypted_data(value: EncryptedData) -> DerEncryptedData:
    return DerEncryptedData(etype=value.etype, kvno=value.kvno, cipher=value.cipher)


def decode_key(value: DerTypedOctets) -> EncryptionKey:
    return EncryptionKey(decode_int32(value.kind, "keytype"), value.octets)


def encode_key(key: EncryptionKey) -> DerTypedOctets:
    return DerTypedOctets(kind=key.keytype, octets=key.keyvalue)


def decode_pairs(values: list[DerTypedOctets] | None) -> tuple[tuple[int, bytes], ...]:
    """A SEQUENCE OF numbers with octets; absent and empty are one."""
    if not values:
        return ()
    return tuple([(decode_int32(value.kind), value.octets) for value in values])


def encode_pairs(pairs: tuple[tuple[int, bytes], ...]) -> list[DerTypedOctets] | None:
    """The reverse; nothing is left out rather than sent empty (RFC 4120 §5.2.6 wants no empty lists)."""
    return [DerTypedOctets(kind=kind, octets=octets) for kind, octets in pairs] or None


def decode_addresses(values: list[DerTypedOctets] | None) -> tuple[HostAddress, ...]:
    return tuple(HostAddress(*pair) for pair in decode_pairs(values)) if values else ()


def decode_authorization_data(data: bytes) -> AuthorizationData:
    """AuthorizationData standing by itself, as in AD-IF-RELEVANT and enc-authorization-data (RFC 4120 §5.2.6)."""
    return decode_pairs(decode_all(_TypedOctetsList, data).items)


def encode_authorization_data(elements: AuthorizationData) -> bytes:
    return encode_all(_TypedOctetsList(items=encode_pairs(elements) or []))


def check_version(pvno: int, what: str) -> None:
    """Every message says version 5 (RFC 4120 §5.4.1); KRB_AP_ERR_BADVERSION otherwise."""
    if pvno != PVNO:
        raise InvalidTokenError(f"{what} is of Kerberos version {_shown(pvno)}, not 5", minor=MINOR_BASE + 39)


def check_message_type(found: int, expected: int, what: str) -> None:
    """KRB_AP_ERR_MSG_TYPE where the number inside contradicts the tag outside."""
    if found != expected:
        raise InvalidTokenError(f"{what} has message type {_shown(found)}, not {expected}", minor=MINOR_BASE + 40)


def _shown(number: int) -> str:
    """DER has numbers of any size; to write out one of thousands of digits is slow, and past a limit a ValueError."""
    return str(number) if abs(number) < 1 << 32 else "beyond 32 bits"
