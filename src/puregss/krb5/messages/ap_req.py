"""RFC 4120 §5.5.1: AP-REQ and Authenticator."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, NamedTuple

from puregss.base.made import made
from puregss.krb5.messages.fields import (
    PVNO,
    AuthorizationData,
    Checksum,
    DerEncryptedData,
    DerTypedOctets,
    EncryptedData,
    EncryptionKey,
    check_message_type,
    check_version,
    decode_encrypted_data,
    decode_key,
    decode_pairs,
    decode_principal,
    encode_encrypted_data,
    encode_key,
    encode_name,
    encode_pairs,
    encode_realm,
    principal_of,
)
from puregss.krb5.messages.ticket import TICKET, ticket_field, ticket_octets
from puregss.krb5.messages.usual import (
    GENERALIZED_TIME,
    INTEGER,
    MESSAGE_TYPE,
    VERSION,
    authorization_data,
    find_principal,
    find_sealed,
    find_typed_if_there,
    key_if_there,
    microseconds,
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
    decode_uint32,
    encode,
    encode_flags,
    encode_time,
    encode_tlv,
    sequence,
)
from puregss.wire.usual import (
    Places,
    Span,
    Unusual,
    behind,
    inside,
    inside_if_there,
    number,
    time,
    whole,
)

AP_REQ: Final = 14
_AP_REQ_FIXED: Final = VERSION + MESSAGE_TYPE + bytes((AP_REQ,)) + b"\xa2\x07\x03\x05\x00"
_GSS_CHECKSUM: Final = bytes.fromhex("a3253023 a0050203008003 a11a0418")
"""[3] Checksum of type 0x8003 and 24 octets (RFC 4121 §4.1.1), without these."""
_AUTHENTICATOR: Final = application(2)


class ApOption(IntEnum):
    """The bits of `ApReq.ap_options`."""

    USE_SESSION_KEY = 1 << 30
    MUTUAL_REQUIRED = 1 << 29


class ApReq(NamedTuple):
    """`ticket` is an encoded Ticket: who sends one cannot open it, who receives one decodes it next."""

    ap_options: int
    ticket: bytes
    authenticator: EncryptedData


class Authenticator(NamedTuple):
    """`ctime` in seconds since 1970 and `cusec` in microseconds beyond; `seq_number` as an unsigned 32-bit number."""

    client: Principal
    cksum: Checksum | None
    cusec: int
    ctime: int
    subkey: EncryptionKey | None = None
    seq_number: int | None = None
    authorization_data: AuthorizationData = ()


@sequence
class _ApReq:
    """RFC 4120 §5.5.1."""

    pvno: Annotated[int, Explicit(0)]
    msg_type: Annotated[int, Explicit(1)]
    ap_options: Annotated[BitString, Explicit(2)]
    ticket: Annotated[TLV, Explicit(3)]
    authenticator: Annotated[DerEncryptedData, Explicit(4)]


@sequence
class _Authenticator:
    """RFC 4120 §5.5.1."""

    authenticator_vno: Annotated[int, Explicit(0)]
    crealm: Annotated[TLV, Explicit(1)]
    cname: Annotated[TLV, Explicit(2)]
    cksum: Annotated[DerTypedOctets | None, Explicit(3)]
    cusec: Annotated[int, Explicit(4)]
    ctime: Annotated[GeneralizedTime, Explicit(5)]
    subkey: Annotated[DerTypedOctets | None, Explicit(6)]
    seq_number: Annotated[int | None, Explicit(7)]
    authorization_data: Annotated[list[DerTypedOctets] | None, Explicit(8)]


def decode_ap_req(data: bytes) -> ApReq:
    try:
        return _read_ap_req(data)
    except (Unusual, LookupError):
        return _decode_ap_req(data)


def _find_ap_req(data: bytes) -> tuple[Span, ...]:
    at, end = whole(data, application(AP_REQ), SEQUENCE)
    at = behind(data, at, _AP_REQ_FIXED)
    ticket = inside(data, at + 4, end, 0xA3, TICKET)
    return (at, at + 4), ticket, *find_sealed(data, ticket[1], end, 0xA4)


_AP_REQS: Final = Places(_find_ap_req)


def _read_ap_req(data: bytes) -> ApReq:
    ap_options, ticket, etype, kvno, cipher = _AP_REQS.fields(data)
    return made(ApReq, (int.from_bytes(ap_options, "big"), encode_tlv(TICKET, ticket), sealed(etype, kvno, cipher)))


def _decode_ap_req(data: bytes) -> ApReq:
    value = decode(_ApReq, decode_tlv(application(AP_REQ), data, "AP-REQ"))
    check_version(value.pvno, "the AP-REQ")
    check_message_type(value.msg_type, AP_REQ, "the AP-REQ")
    return ApReq(
        decode_flags(value.ap_options), ticket_octets(value.ticket), decode_encrypted_data(value.authenticator)
    )


def encode_ap_req(message: ApReq) -> bytes:
    value = _ApReq(
        pvno=PVNO,
        msg_type=AP_REQ,
        ap_options=encode_flags(message.ap_options),
        ticket=ticket_field(message.ticket),
        authenticator=encode_encrypted_data(message.authenticator),
    )
    return encode_tlv(application(AP_REQ), encode(value))


def decode_authenticator(data: bytes) -> Authenticator:
    try:
        return _read_authenticator(data)
    except (Unusual, LookupError):
        return _decode_authenticator(data)


def _find_authenticator(data: bytes) -> tuple[Span, ...]:
    at, end = whole(data, _AUTHENTICATOR, SEQUENCE)
    realm, name = find_principal(data, behind(data, at, VERSION), end, 0xA1)
    at = behind(data, name[1], _GSS_CHECKSUM)
    checksum = (at, at + 24)
    cusec = inside(data, checksum[1], end, 0xA4, INTEGER)
    ctime = inside(data, cusec[1], end, 0xA5, GENERALIZED_TIME)
    kind, key = find_typed_if_there(data, ctime[1], end, 0xA6)
    seq_number = inside_if_there(data, key[1], end, 0xA7, INTEGER)
    authdata = inside_if_there(data, seq_number[1], end, 0xA8)
    if authdata[1] != end:
        raise Unusual
    return realm, name, checksum, cusec, ctime, kind, key, seq_number, authdata


_AUTHENTICATORS: Final = Places(_find_authenticator)


def _read_authenticator(data: bytes) -> Authenticator:
    realm, name, checksum, cusec, ctime, kind, key, seq_number, authdata = _AUTHENTICATORS.fields(data)
    return made(
        Authenticator,
        (
            principal_of(realm, name),
            made(Checksum, (0x8003, checksum)),
            microseconds(cusec),
            time(ctime),
            key_if_there(kind, key),
            number(seq_number) if seq_number else None,
            authorization_data(authdata),
        ),
    )


def _decode_authenticator(data: bytes) -> Authenticator:
    value = decode(_Authenticator, decode_tlv(_AUTHENTICATOR, data, "Authenticator"))
    check_version(value.authenticator_vno, "the authenticator")
    cksum = value.cksum
    return Authenticator(
        decode_principal(value.crealm, value.cname),
        None if cksum is None else Checksum(decode_int32(cksum.kind, "cksumtype"), cksum.octets),
        decode_int32(value.cusec),
        decode_time(value.ctime),
        None if value.subkey is None else decode_key(value.subkey),
        None if value.seq_number is None else decode_uint32(value.seq_number, "seq-number"),
        decode_pairs(value.authorization_data),
    )


def encode_authenticator(message: Authenticator) -> bytes:
    cksum = message.cksum
    value = _Authenticator(
        authenticator_vno=PVNO,
        crealm=encode_realm(message.client.realm),
        cname=encode_name(message.client),
        cksum=None if cksum is None else DerTypedOctets(kind=cksum.cksumtype, octets=cksum.checksum),
        cusec=message.cusec,
        ctime=encode_time(message.ctime),
        subkey=None if message.subkey is None else encode_key(message.subkey),
        seq_number=message.seq_number,
        authorization_data=encode_pairs(message.authorization_data),
    )
    return encode_tlv(_AUTHENTICATOR, encode(value))
