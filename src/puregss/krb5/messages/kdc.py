"""RFC 4120 §5.4: KDC-REQ (AS-REQ, TGS-REQ), KDC-REQ-BODY, KDC-REP (AS-REP, TGS-REP), EncKDCRepPart."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final, NamedTuple

from puregss.base.errors import InvalidTokenError
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
    decode_principal,
    encode_encrypted_data,
    encode_key,
    encode_name,
    encode_optional_name,
    encode_pairs,
    encode_realm,
)
from puregss.krb5.messages.padata import DerPaData, PaData, decode_padata, encode_padata
from puregss.krb5.messages.ticket import ticket_field, ticket_octets
from puregss.krb5.principal import Principal
from puregss.wire.der import (
    SEQUENCE,
    TLV,
    BitString,
    Box,
    Explicit,
    GeneralizedTime,
    Implicit,
    application,
    decode,
    decode_flags,
    decode_general_string,
    decode_int32,
    decode_optional_time,
    decode_time,
    decode_tlv,
    decode_uint32,
    encode,
    encode_flags,
    encode_optional_time,
    encode_time,
    encode_tlv,
    sequence,
    tlv_octets,
)

AS_REQ: Final = 10
AS_REP: Final = 11
TGS_REQ: Final = 12
TGS_REP: Final = 13
_ENC_AS_REP_PART: Final = application(25)
_ENC_TGS_REP_PART: Final = application(26)


class KdcOption(IntEnum):
    """RFC 4120 §5.4.1, RFC 6806 §3: the bits of `KdcReqBody.kdc_options`."""

    FORWARDABLE = 1 << 30
    FORWARDED = 1 << 29
    PROXIABLE = 1 << 28
    PROXY = 1 << 27
    ALLOW_POSTDATE = 1 << 26
    POSTDATED = 1 << 25
    RENEWABLE = 1 << 23
    CNAME_IN_ADDL_TKT = 1 << 17
    CANONICALIZE = 1 << 16
    REQUEST_ANONYMOUS = 1 << 15
    DISABLE_TRANSITED_CHECK = 1 << 5
    RENEWABLE_OK = 1 << 4
    ENC_TKT_IN_SKEY = 1 << 3
    RENEW = 1 << 1
    VALIDATE = 1 << 0


class KdcReqBody(NamedTuple):
    """Times in seconds since 1970. `realm` is the server's, and in an AS-REQ the client's too.

    `till` 0 (1970) asks for the longest lifetime the KDC gives. `additional_tickets` are encoded Tickets.
    """

    kdc_options: int
    client: Principal | None
    realm: str
    server: Principal | None
    till: int
    nonce: int
    etype: tuple[int, ...]
    from_: int | None = None
    rtime: int | None = None
    addresses: tuple[HostAddress, ...] = ()
    enc_authorization_data: EncryptedData | None = None
    additional_tickets: tuple[bytes, ...] = ()


class KdcReq(NamedTuple):
    """An AS-REQ or TGS-REQ (`msg_type`). `body` is the encoded KDC-REQ-BODY: checksums are over these very octets."""

    msg_type: int
    padata: tuple[PaData, ...]
    body: bytes


class KdcRep(NamedTuple):
    """An AS-REP or TGS-REP (`msg_type`). `ticket` is an encoded Ticket."""

    msg_type: int
    padata: tuple[PaData, ...]
    client: Principal
    ticket: bytes
    enc_part: EncryptedData


class EncKdcRepPart(NamedTuple):
    """What a KDC says of the ticket it gave. `last_req` holds (lr-type, seconds since 1970)."""

    key: EncryptionKey
    last_req: tuple[tuple[int, int], ...]
    nonce: int
    flags: int
    authtime: int
    starttime: int | None
    endtime: int
    server: Principal
    key_expiration: int | None = None
    renew_till: int | None = None
    caddr: tuple[HostAddress, ...] = ()
    encrypted_pa_data: tuple[PaData, ...] = ()

    @property
    def start(self) -> int:
        """When the ticket begins to be valid: `starttime`, or `authtime` without one."""
        return self.authtime if self.starttime is None else self.starttime


@sequence
class _KdcReqBody:
    """RFC 4120 §5.4.1."""

    kdc_options: Annotated[BitString, Explicit(0)]
    cname: Annotated[Box | None, Implicit(1)]
    realm: Annotated[TLV, Explicit(2)]
    sname: Annotated[Box | None, Implicit(3)]
    from_: Annotated[GeneralizedTime | None, Explicit(4)]
    till: Annotated[GeneralizedTime, Explicit(5)]
    rtime: Annotated[GeneralizedTime | None, Explicit(6)]
    nonce: Annotated[int, Explicit(7)]
    etype: Annotated[list[int], Explicit(8)]
    addresses: Annotated[list[DerTypedOctets] | None, Explicit(9)]
    enc_authorization_data: Annotated[DerEncryptedData | None, Explicit(10)]
    additional_tickets: Annotated[list[TLV] | None, Explicit(11)]


@sequence
class _KdcReq:
    """RFC 4120 §5.4.1."""

    pvno: Annotated[int, Explicit(1)]
    msg_type: Annotated[int, Explicit(2)]
    padata: Annotated[list[DerPaData] | None, Explicit(3)]
    req_body: Annotated[TLV, Explicit(4)]


@sequence
class _KdcRep:
    """RFC 4120 §5.4.2."""

    pvno: Annotated[int, Explicit(0)]
    msg_type: Annotated[int, Explicit(1)]
    padata: Annotated[list[DerPaData] | None, Explicit(2)]
    crealm: Annotated[TLV, Explicit(3)]
    cname: Annotated[TLV, Explicit(4)]
    ticket: Annotated[TLV, Explicit(5)]
    enc_part: Annotated[DerEncryptedData, Explicit(6)]


@sequence
class _LastReq:
    """RFC 4120 §5.4.2."""

    lr_type: Annotated[int, Explicit(0)]
    lr_value: Annotated[GeneralizedTime, Explicit(1)]


@sequence
class _EncKdcRepPart:
    """RFC 4120 §5.4.2, RFC 6806 §11."""

    key: Annotated[DerTypedOctets, Explicit(0)]
    last_req: Annotated[list[_LastReq], Explicit(1)]
    nonce: Annotated[int, Explicit(2)]
    key_expiration: Annotated[GeneralizedTime | None, Explicit(3)]
    flags: Annotated[BitString, Explicit(4)]
    authtime: Annotated[GeneralizedTime, Explicit(5)]
    starttime: Annotated[GeneralizedTime | None, Explicit(6)]
    endtime: Annotated[GeneralizedTime, Explicit(7)]
    renew_till: Annotated[GeneralizedTime | None, Explicit(8)]
    srealm: Annotated[TLV, Explicit(9)]
    sname: Annotated[TLV, Explicit(10)]
    caddr: Annotated[list[DerTypedOctets] | None, Explicit(11)]
    encrypted_pa_data: Annotated[list[DerPaData] | None, Explicit(12)]


def decode_kdc_req_body(data: bytes) -> KdcReqBody:
    value = decode(_KdcReqBody, data)
    realm = Box(value=value.realm)
    return KdcReqBody(
        kdc_options=decode_flags(value.kdc_options),
        client=decode_optional_principal(realm, value.cname),
        realm=decode_general_string(value.realm),
        server=decode_optional_principal(realm, value.sname),
        till=decode_time(value.till),
        nonce=decode_uint32(value.nonce, "nonce"),
        etype=tuple(decode_int32(etype, "etype") for etype in value.etype),
        from_=decode_optional_time(value.from_),
        rtime=decode_optional_time(value.rtime),
        addresses=decode_addresses(value.addresses),
        enc_authorization_data=(
            None if value.enc_authorization_data is None else decode_encrypted_data(value.enc_authorization_data)
        ),
        additional_tickets=tuple(map(ticket_octets, value.additional_tickets or ())),
    )


def encode_kdc_req_body(body: KdcReqBody) -> bytes:
    authdata = body.enc_authorization_data
    value = _KdcReqBody(
        kdc_options=encode_flags(body.kdc_options),
        cname=encode_optional_name(body.client),
        realm=encode_realm(body.realm),
        sname=encode_optional_name(body.server),
        from_=encode_optional_time(body.from_),
        till=encode_time(body.till),
        rtime=encode_optional_time(body.rtime),
        nonce=body.nonce,
        etype=list(body.etype),
        addresses=encode_pairs(body.addresses),
        enc_authorization_data=None if authdata is None else encode_encrypted_data(authdata),
        additional_tickets=[ticket_field(ticket) for ticket in body.additional_tickets] or None,
    )
    return encode(value)


def decode_kdc_req(data: bytes) -> KdcReq:
    """An AS-REQ or TGS-REQ, told apart by its tag."""
    msg_type = _message_type(data, (AS_REQ, TGS_REQ), "a request to a KDC")
    value = decode(_KdcReq, decode_tlv(application(msg_type), data, "KDC-REQ"))
    check_version(value.pvno, "the request to the KDC")
    check_message_type(value.msg_type, msg_type, "the request to the KDC")
    body = encode_tlv(SEQUENCE, tlv_octets(value.req_body, SEQUENCE, "KDC-REQ-BODY"))
    return KdcReq(msg_type, decode_padata(value.padata), body)


def encode_kdc_req(message: KdcReq) -> bytes:
    value = _KdcReq(
        pvno=PVNO,
        msg_type=message.msg_type,
        padata=encode_padata(message.padata),
        req_body=decode(TLV, message.body),
    )
    return encode_tlv(application(message.msg_type), encode(value))


def decode_kdc_rep(data: bytes) -> KdcRep:
    """An AS-REP or TGS-REP, told apart by its tag."""
    msg_type = _message_type(data, (AS_REP, TGS_REP), "an answer of a KDC")
    value = decode(_KdcRep, decode_tlv(application(msg_type), data, "KDC-REP"))
    check_version(value.pvno, "the KDC's answer")
    check_message_type(value.msg_type, msg_type, "the KDC's answer")
    return KdcRep(
        msg_type,
        decode_padata(value.padata),
        decode_principal(value.crealm, value.cname),
        ticket_octets(value.ticket),
        decode_encrypted_data(value.enc_part),
    )


def encode_kdc_rep(message: KdcRep) -> bytes:
    value = _KdcRep(
        pvno=PVNO,
        msg_type=message.msg_type,
        padata=encode_padata(message.padata),
        crealm=encode_realm(message.client.realm),
        cname=encode_name(message.client),
        ticket=ticket_field(message.ticket),
        enc_part=encode_encrypted_data(message.enc_part),
    )
    return encode_tlv(application(message.msg_type), encode(value))


def _message_type(data: bytes, expected: tuple[int, int], what: str) -> int:
    for msg_type in expected:
        if data[:1] == bytes((application(msg_type),)):
            return msg_type
    raise InvalidTokenError(f"{what} was expected, but its first octet is 0x{data[:1].hex() or '(none)'}")


def decode_enc_kdc_rep_part(data: bytes) -> EncKdcRepPart:
    """EncASRepPart or EncTGSRepPart: RFC 4120 §5.4.2 lets an AS-REP carry either tag, and some KDCs mix them up."""
    tag = data[0] if data[:1] == bytes((_ENC_AS_REP_PART,)) else _ENC_TGS_REP_PART
    value = decode(_EncKdcRepPart, decode_tlv(tag, data, "EncKDCRepPart"))
    return EncKdcRepPart(
        key=decode_key(value.key),
        last_req=tuple((decode_int32(item.lr_type, "lr-type"), decode_time(item.lr_value)) for item in value.last_req),
        nonce=decode_uint32(value.nonce, "nonce"),
        flags=decode_flags(value.flags),
        authtime=decode_time(value.authtime),
        starttime=decode_optional_time(value.starttime),
        endtime=decode_time(value.endtime),
        server=decode_principal(value.srealm, value.sname),
        key_expiration=decode_optional_time(value.key_expiration),
        renew_till=decode_optional_time(value.renew_till),
        caddr=decode_addresses(value.caddr),
        encrypted_pa_data=decode_padata(value.encrypted_pa_data),
    )


def encode_enc_kdc_rep_part(part: EncKdcRepPart, msg_type: int) -> bytes:
    """For the message it will travel in: `AS_REP` or `TGS_REP`."""
    value = _EncKdcRepPart(
        key=encode_key(part.key),
        last_req=[_LastReq(lr_type=kind, lr_value=encode_time(seconds)) for kind, seconds in part.last_req],
        nonce=part.nonce,
        key_expiration=encode_optional_time(part.key_expiration),
        flags=encode_flags(part.flags),
        authtime=encode_time(part.authtime),
        starttime=encode_optional_time(part.starttime),
        endtime=encode_time(part.endtime),
        renew_till=encode_optional_time(part.renew_till),
        srealm=encode_realm(part.server.realm),
        sname=encode_name(part.server),
        caddr=encode_pairs(part.caddr),
        encrypted_pa_data=encode_padata(part.encrypted_pa_data),
    )
    return encode_tlv(_ENC_AS_REP_PART if msg_type == AS_REP else _ENC_TGS_REP_PART, encode(value))
