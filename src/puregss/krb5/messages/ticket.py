"""RFC 4120 §5.3: Ticket and EncTicketPart."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from puregss.base.made import made
from puregss.krb5.messages.fields import (
    PVNO,
    AuthorizationData,
    DerEncryptedData,
    DerTypedOctets,
    EncryptedData,
    EncryptionKey,
    HostAddress,
    check_version,
    decode_addresses,
    decode_authorization_data,
    decode_encrypted_data,
    decode_key,
    decode_pairs,
    decode_principal,
    encode_authorization_data,
    encode_encrypted_data,
    encode_key,
    encode_name,
    encode_pairs,
    encode_realm,
    principal_of,
)
from puregss.krb5.messages.usual import (
    GENERALIZED_TIME,
    VERSION,
    authorization_data,
    find_principal,
    find_sealed,
    find_typed,
    sealed,
)
from puregss.krb5.principal import Principal
from puregss.wire.der import (
    SEQUENCE,
    TLV,
    BitString,
    Explicit,
    GeneralizedTime,
    application,
    decode,
    decode_flags,
    decode_int32,
    decode_time,
    decode_tlv,
    encode,
    encode_flags,
    encode_time,
    encode_tlv,
    sequence,
    tlv_octets,
)
from puregss.wire.usual import SMALL_NUMBERS, Places, Span, Unusual, behind, inside, inside_if_there, time, whole

__all__ = [
    "AD_IF_RELEVANT",
    "TICKET",
    "AuthorizationData",
    "EncTicketPart",
    "EncryptedData",
    "EncryptionKey",
    "HostAddress",
    "Ticket",
    "TicketFlag",
    "TransitedEncoding",
    "decode_authorization_data",
    "decode_enc_ticket_part",
    "decode_ticket",
    "encode_authorization_data",
    "encode_enc_ticket_part",
    "encode_ticket",
    "relevant_authorization_data",
    "ticket_field",
    "ticket_octets",
]

TICKET: Final = application(1)
_ENC_TICKET_PART: Final = application(3)
_FLAGS: Final = b"\xa0\x07\x03\x05\x00"
"""[0] BIT STRING of 32 bits, without these."""
_LONGEST_REMEMBERED: Final = 512
"""Octets of an EncTicketPart, its authorization data apart, whose facts are remembered: memory is not for KDCs to fill.
"""

AD_IF_RELEVANT: Final = 1
_DEEPEST: Final = 8


class TicketFlag(IntEnum):
    """RFC 4120 §5.3, RFC 6112, RFC 6806: the bits of a ticket's flags."""

    FORWARDABLE = 1 << 30
    FORWARDED = 1 << 29
    PROXIABLE = 1 << 28
    PROXY = 1 << 27
    MAY_POSTDATE = 1 << 26
    POSTDATED = 1 << 25
    INVALID = 1 << 24
    RENEWABLE = 1 << 23
    INITIAL = 1 << 22
    PRE_AUTHENT = 1 << 21
    HW_AUTHENT = 1 << 20
    TRANSITED_POLICY_CHECKED = 1 << 19
    OK_AS_DELEGATE = 1 << 18
    ENC_PA_REP = 1 << 16
    ANONYMOUS = 1 << 15


class Ticket(NamedTuple):
    """What only the server (`sname` in `realm`) can open."""

    server: Principal
    enc_part: EncryptedData


class TransitedEncoding(NamedTuple):
    tr_type: int
    contents: bytes


class EncTicketPart(NamedTuple):
    """A ticket opened. Times are seconds since 1970, None where absent; `flags` are bits of `TicketFlag`."""

    flags: int
    key: EncryptionKey
    client: Principal
    transited: TransitedEncoding
    authtime: int
    starttime: int | None
    endtime: int
    renew_till: int | None = None
    caddr: tuple[HostAddress, ...] = ()
    authorization_data: AuthorizationData = ()

    @property
    def start(self) -> int:
        """When the ticket begins to be valid: `starttime`, or `authtime` without one."""
        return self.authtime if self.starttime is None else self.starttime


@sequence
class _Ticket:
    """RFC 4120 §5.3."""

    tkt_vno: Annotated[int, Explicit(0)]
    realm: Annotated[TLV, Explicit(1)]
    sname: Annotated[TLV, Explicit(2)]
    enc_part: Annotated[DerEncryptedData, Explicit(3)]


@sequence
class _EncTicketPart:
    """RFC 4120 §5.3."""

    flags: Annotated[BitString, Explicit(0)]
    key: Annotated[DerTypedOctets, Explicit(1)]
    crealm: Annotated[TLV, Explicit(2)]
    cname: Annotated[TLV, Explicit(3)]
    transited: Annotated[DerTypedOctets, Explicit(4)]
    authtime: Annotated[GeneralizedTime, Explicit(5)]
    starttime: Annotated[GeneralizedTime | None, Explicit(6)]
    endtime: Annotated[GeneralizedTime, Explicit(7)]
    renew_till: Annotated[GeneralizedTime | None, Explicit(8)]
    caddr: Annotated[list[DerTypedOctets] | None, Explicit(9)]
    authorization_data: Annotated[list[DerTypedOctets] | None, Explicit(10)]


def decode_ticket(data: bytes) -> Ticket:
    """InvalidTokenError if `data` is no ticket of version 5."""
    try:
        return _read_ticket(data)
    except (Unusual, LookupError):
        return _decode_ticket(data)


def _find_ticket(data: bytes) -> tuple[Span, ...]:
    at, end = whole(data, TICKET, SEQUENCE)
    realm, name = find_principal(data, behind(data, at, VERSION), end, 0xA1)
    return realm, name, *find_sealed(data, name[1], end, 0xA3)


_TICKETS: Final = Places(_find_ticket)


def _read_ticket(data: bytes) -> Ticket:
    realm, name, etype, kvno, cipher = _TICKETS.fields(data)
    return made(Ticket, (principal_of(realm, name), sealed(etype, kvno, cipher)))


def _decode_ticket(data: bytes) -> Ticket:
    value = decode(_Ticket, decode_tlv(TICKET, data, "Ticket"))
    check_version(value.tkt_vno, "the ticket")
    return Ticket(decode_principal(value.realm, value.sname), decode_encrypted_data(value.enc_part))


def encode_ticket(ticket: Ticket) -> bytes:
    value = _Ticket(
        tkt_vno=PVNO,
        realm=encode_realm(ticket.server.realm),
        sname=encode_name(ticket.server),
        enc_part=encode_encrypted_data(ticket.enc_part),
    )
    return encode_tlv(TICKET, encode(value))


def ticket_octets(field: TLV) -> bytes:
    """The Ticket in a field of another message, exactly as it came: who only carries it need not open it."""
    return encode_tlv(TICKET, tlv_octets(field, TICKET, "Ticket"))


def ticket_field(octets: bytes) -> TLV:
    """The reverse of `ticket_octets`."""
    return decode(TLV, octets)


def decode_enc_ticket_part(data: bytes) -> EncTicketPart:
    try:
        return _read_enc_ticket_part(data)
    except (Unusual, LookupError):
        return _decode_enc_ticket_part(data)


def _find_enc_ticket_part(data: bytes) -> tuple[Span, ...]:
    at, end = whole(data, _ENC_TICKET_PART, SEQUENCE)
    at = behind(data, at, _FLAGS)
    kind, key = find_typed(data, at + 4, end, 0xA1)
    realm, name = find_principal(data, key[1], end, 0xA2)
    tr_type, transited = find_typed(data, name[1], end, 0xA4)
    authtime = inside(data, transited[1], end, 0xA5, GENERALIZED_TIME)
    starttime = inside_if_there(data, authtime[1], end, 0xA6, GENERALIZED_TIME)
    endtime = inside(data, starttime[1], end, 0xA7, GENERALIZED_TIME)
    renew_till = inside_if_there(data, endtime[1], end, 0xA8, GENERALIZED_TIME)
    authdata = inside_if_there(data, renew_till[1], end, 0xAA)
    if authdata[1] != end:
        raise Unusual
    flags = (at, at + 4)
    return flags, kind, key, realm, name, tr_type, transited, authtime, starttime, endtime, renew_till, authdata


_ENC_TICKET_PARTS: Final = Places(_find_enc_ticket_part)


def _read_enc_ticket_part(data: bytes) -> EncTicketPart:
    fields = _ENC_TICKET_PARTS.fields(data)
    flags, kind, key, *_, authdata = fields
    # A client comes with the same ticket again and again. What its key seals is read anew each time, and of its key and
    # its authorization data nothing is kept.
    read = _remembered_facts if len(data) - len(authdata) <= _LONGEST_REMEMBERED else _read_facts
    return made(
        EncTicketPart,
        (
            int.from_bytes(flags, "big"),
            made(EncryptionKey, (SMALL_NUMBERS[kind], key)),
            *read(*fields[3:11]),
            (),
            authorization_data(authdata),
        ),
    )


def _read_facts(
    realm: bytes,
    name: bytes,
    tr_type: bytes,
    transited: bytes,
    authtime: bytes,
    starttime: bytes,
    endtime: bytes,
    renew_till: bytes,
) -> tuple[object, ...]:
    """The client, its path and the times."""
    return (
        principal_of(realm, name),
        made(TransitedEncoding, (SMALL_NUMBERS[tr_type], transited)),
        time(authtime),
        time(starttime) if starttime else None,
        time(endtime),
        time(renew_till) if renew_till else None,
    )


_remembered_facts = lru_cache(maxsize=512)(_read_facts)


def _decode_enc_ticket_part(data: bytes) -> EncTicketPart:
    value = decode(_EncTicketPart, decode_tlv(_ENC_TICKET_PART, data, "EncTicketPart"))
    return EncTicketPart(
        decode_flags(value.flags),
        decode_key(value.key),
        decode_principal(value.crealm, value.cname),
        TransitedEncoding(decode_int32(value.transited.kind, "tr-type"), value.transited.octets),
        decode_time(value.authtime),
        None if value.starttime is None else decode_time(value.starttime),
        decode_time(value.endtime),
        None if value.renew_till is None else decode_time(value.renew_till),
        decode_addresses(value.caddr),
        decode_pairs(value.authorization_data),
    )


def encode_enc_ticket_part(part: EncTicketPart) -> bytes:
    value = _EncTicketPart(
        flags=encode_flags(part.flags),
        key=encode_key(part.key),
        crealm=encode_realm(part.client.realm),
        cname=encode_name(part.client),
        transited=DerTypedOctets(kind=part.transited.tr_type, octets=part.transited.contents),
        authtime=encode_time(part.authtime),
        starttime=None if part.starttime is None else encode_time(part.starttime),
        endtime=encode_time(part.endtime),
        renew_till=None if part.renew_till is None else encode_time(part.renew_till),
        caddr=encode_pairs(part.caddr),
        authorization_data=encode_pairs(part.authorization_data),
    )
    return encode_tlv(_ENC_TICKET_PART, encode(value))


def relevant_authorization_data(elements: AuthorizationData, depth: int = _DEEPEST) -> Iterator[tuple[int, bytes]]:
    """The elements with AD-IF-RELEVANT (RFC 4120 §5.2.6.1) unpacked, boxes within boxes to a bounded depth."""
    for kind, octets in elements:
        if kind == AD_IF_RELEVANT and depth:
            yield from relevant_authorization_data(decode_authorization_data(octets), depth - 1)
        else:
            yield kind, octets
