"""RFC 4120 §5.8: KRB-CRED and EncKrbCredPart, in which tickets and their keys are handed on."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from puregss.krb5.messages.fields import (
    PVNO,
    DerEncryptedData,
    DerTypedOctets,
    EncryptedData,
    EncryptionKey,
    HostAddress,
    check_message_type,
    check_version,
    decode_addresses,
    decode_encrypted_data,
    decode_key,
    decode_optional_principal,
    encode_encrypted_data,
    encode_key,
    encode_optional_name,
    encode_optional_realm,
    encode_pairs,
)
from puregss.krb5.messages.ticket import ticket_field, ticket_octets
from puregss.krb5.principal import Principal
from puregss.wire.der import (
    TLV,
    BitString,
    Box,
    Explicit,
    GeneralizedTime,
    Implicit,
    application,
    decode,
    decode_flags,
    decode_int32,
    decode_optional_time,
    decode_tlv,
    decode_uint32,
    encode,
    encode_flags,
    encode_optional_time,
    encode_tlv,
    sequence,
)

KRB_CRED: Final = 22
_ENC_KRB_CRED_PART: Final = application(29)


class KrbCred(NamedTuple):
    """`tickets` are encoded Tickets, in the order of `EncKrbCredPart.ticket_info`."""

    tickets: tuple[bytes, ...]
    enc_part: EncryptedData


class KrbCredInfo(NamedTuple):
    """What belongs to one ticket. Times in seconds since 1970; whatever is None was not said."""

    key: EncryptionKey
    client: Principal | None = None
    flags: int | None = None
    authtime: int | None = None
    starttime: int | None = None
    endtime: int | None = None
    renew_till: int | None = None
    server: Principal | None = None
    caddr: tuple[HostAddress, ...] = ()


class EncKrbCredPart(NamedTuple):
    ticket_info: tuple[KrbCredInfo, ...]
    nonce: int | None = None
    timestamp: int | None = None
    usec: int | None = None
    s_address: HostAddress | None = None
    r_address: HostAddress | None = None


@sequence
class _KrbCred:
    """RFC 4120 §5.8.1."""

    pvno: Annotated[int, Explicit(0)]
    msg_type: Annotated[int, Explicit(1)]
    tickets: Annotated[list[TLV], Explicit(2)]
    enc_part: Annotated[DerEncryptedData, Explicit(3)]


@sequence
class _KrbCredInfo:
    """RFC 4120 §5.8.1."""

    key: Annotated[DerTypedOctets, Explicit(0)]
    prealm: Annotated[Box | None, Implicit(1)]
    pname: Annotated[Box | None, Implicit(2)]
    flags: Annotated[BitString | None, Explicit(3)]
    authtime: Annotated[GeneralizedTime | None, Explicit(4)]
    starttime: Annotated[GeneralizedTime | None, Explicit(5)]
    endtime: Annotated[GeneralizedTime | None, Explicit(6)]
    renew_till: Annotated[GeneralizedTime | None, Explicit(7)]
    srealm: Annotated[Box | None, Implicit(8)]
    sname: Annotated[Box | None, Implicit(9)]
    caddr: Annotated[list[DerTypedOctets] | None, Explicit(10)]


@sequence
class _EncKrbCredPart:
    """RFC 4120 §5.8.1."""

    ticket_info: Annotated[list[_KrbCredInfo], Explicit(0)]
    nonce: Annotated[int | None, Explicit(1)]
    timestamp: Annotated[GeneralizedTime | None, Explicit(2)]
    usec: Annotated[int | None, Explicit(3)]
    s_address: Annotated[DerTypedOctets | None, Explicit(4)]
    r_address: Annotated[DerTypedOctets | None, Explicit(5)]


def _address(value: DerTypedOctets | None) -> HostAddress | None:
    return None if value is None else HostAddress(decode_int32(value.kind, "addr-type"), value.octets)


def _der_address(address: HostAddress | None) -> DerTypedOctets | None:
    return None if address is None else DerTypedOctets(kind=address.addr_type, octets=address.address)


def decode_krb_cred(data: bytes) -> KrbCred:
    value = decode(_KrbCred, decode_tlv(application(KRB_CRED), data, "KRB-CRED"))
    check_version(value.pvno, "the KRB-CRED")
    check_message_type(value.msg_type, KRB_CRED, "the KRB-CRED")
    return KrbCred(tuple(map(ticket_octets, value.tickets)), decode_encrypted_data(value.enc_part))


def encode_krb_cred(message: KrbCred) -> bytes:
    value = _KrbCred(
        pvno=PVNO,
        msg_type=KRB_CRED,
        tickets=[ticket_field(ticket) for ticket in message.tickets],
        enc_part=encode_encrypted_data(message.enc_part),
    )
    return encode_tlv(application(KRB_CRED), encode(value))


def _decode_info(value: _KrbCredInfo) -> KrbCredInfo:
    return KrbCredInfo(
        key=decode_key(value.key),
        client=decode_optional_principal(value.prealm, value.pname),
        flags=None if value.flags is None else decode_flags(value.flags),
        authtime=decode_optional_time(value.authtime),
        starttime=decode_optional_time(value.starttime),
        endtime=decode_optional_time(value.endtime),
        renew_till=decode_optional_time(value.renew_till),
        server=decode_optional_principal(value.srealm, value.sname),
        caddr=decode_addresses(value.caddr),
    )


def _encode_info(info: KrbCredInfo) -> _KrbCredInfo:
    return _KrbCredInfo(
        key=encode_key(info.key),
        prealm=encode_optional_realm(info.client),
        pname=encode_optional_name(info.client),
        flags=None if info.flags is None else encode_flags(info.flags),
        authtime=encode_optional_time(info.authtime),
        starttime=encode_optional_time(info.starttime),
        endtime=encode_optional_time(info.endtime),
        renew_till=encode_optional_time(info.renew_till),
        srealm=encode_optional_realm(info.server),
        sname=encode_optional_name(info.server),
        caddr=encode_pairs(info.caddr),
    )


def decode_enc_krb_cred_part(data: bytes) -> EncKrbCredPart:
    value = decode(_EncKrbCredPart, decode_tlv(_ENC_KRB_CRED_PART, data, "EncKrbCredPart"))
    return EncKrbCredPart(
        ticket_info=tuple(map(_decode_info, value.ticket_info)),
        nonce=None if value.nonce is None else decode_uint32(value.nonce, "nonce"),
        timestamp=decode_optional_time(value.timestamp),
        usec=None if value.usec is None else decode_int32(value.usec, "usec"),
        s_address=_address(value.s_address),
        r_address=_address(value.r_address),
    )


def encode_enc_krb_cred_part(part: EncKrbCredPart) -> bytes:
    value = _EncKrbCredPart(
        ticket_info=[_encode_info(info) for info in part.ticket_info],
        nonce=part.nonce,
        timestamp=encode_optional_time(part.timestamp),
        usec=part.usec,
        s_address=_der_address(part.s_address),
        r_address=_der_address(part.r_address),
    )
    return encode_tlv(_ENC_KRB_CRED_PART, encode(value))
