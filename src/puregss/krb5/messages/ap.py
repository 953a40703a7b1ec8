"""RFC 4120 §5.5: AP-REQ, Authenticator, AP-REP, EncAPRepPart."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

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
    VERSION,
    authorization_data,
    find_principal,
    find_sealed,
    find_typed_if_there,
    key_if_there,
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
    number_octets,
    time,
    time_octets,
    whole,
)

AP_REQ: Final = 14
AP_REP: Final = 15
_MESSAGE_TYPE: Final = b"\xa1\x03\x02\x01"
_AP_REQ_FIXED: Final = VERSION + _MESSAGE_TYPE + bytes((AP_REQ,)) + b"\xa2\x07\x03\x05\x00"
_AP_REP_FIXED: Final = VERSION + _MESSAGE_TYPE + bytes((AP_REP,))
_GSS_CHECKSUM: Final = bytes.fromhex("a3253023 a0050203008003 a11a0418")
"""[3] Checksum of type 0x8003 and 24 octets (RFC 4121 §4.1.1), without these."""

_AUTHENTICATOR: Final = application(2)
_ENC_AP_REP_PART: Final = application(27)


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


class ApRep(NamedTuple):
    enc_part: EncryptedData


class EncApRepPart(NamedTuple):
    """EncAPRepPart: the authenticator's time, and the acceptor's subkey and sequence number."""

    ctime: int
    cusec: int
    subkey: EncryptionKey | None = None
    seq_number: int | None = None


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


@sequence
class _ApRep:
    """RFC 4120 §5.5.2."""

    pvno: Annotated[int, Explicit(0)]
    msg_type: Annotated[int, Explicit(1)]
    enc_part: Annotated[DerEncryptedData, Explicit(2)]


@sequence
class _EncApRepPart:
    """RFC 4120 §5.5.2."""

    ctime: Annotated[GeneralizedTime, Explicit(0)]
    cusec: Annotated[int, Explicit(1)]
    subkey: Annotated[DerTypedOctets | None, Explicit(2)]
    seq_number: Annotated[int | None, Explicit(3)]


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
    return ApReq(int.from_bytes(ap_options, "big"), encode_tlv(TICKET, ticket), sealed(etype, kvno, cipher))


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
    return Authenticator(
        principal_of(realm, name),
        Checksum(0x8003, checksum),
        _microseconds(cusec),
        time(ctime),
        key_if_there(kind, key),
        number(seq_number) if seq_number else None,
        authorization_data(authdata),
    )


def _microseconds(octets: bytes) -> int:
    """An Int32 that is not negative; whether there are so many microseconds in a second is asked later."""
    value = number(octets)
    if value > 0x7FFFFFFF:
        raise Unusual
    return value


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


def decode_ap_rep(data: bytes) -> ApRep:
    try:
        return _read_ap_rep(data)
    except (Unusual, LookupError):
        return _decode_ap_rep(data)


def _find_ap_rep(data: bytes) -> tuple[Span, ...]:
    at, end = whole(data, application(AP_REP), SEQUENCE)
    return find_sealed(data, behind(data, at, _AP_REP_FIXED), end, 0xA2)


_AP_REPS: Final = Places(_find_ap_rep)


def _read_ap_rep(data: bytes) -> ApRep:
    return ApRep(sealed(*_AP_REPS.fields(data)))


def _decode_ap_rep(data: bytes) -> ApRep:
    value = decode(_ApRep, decode_tlv(application(AP_REP), data, "AP-REP"))
    check_version(value.pvno, "the AP-REP")
    check_message_type(value.msg_type, AP_REP, "the AP-REP")
    return ApRep(decode_encrypted_data(value.enc_part))


def encode_ap_rep(message: ApRep) -> bytes:
    sealed = message.enc_part
    return _ap_rep_head(sealed.etype, sealed.kvno, len(sealed.cipher)) + sealed.cipher


@lru_cache(maxsize=64)
def _ap_rep_head(etype: int, kvno: int | None, size: int) -> bytes:
    """All that stands before a ciphertext of that size."""
    whole = _encode_ap_rep(ApRep(EncryptedData(etype, kvno, bytes(size))))
    return whole[: len(whole) - size]


def _encode_ap_rep(message: ApRep) -> bytes:
    value = _ApRep(pvno=PVNO, msg_type=AP_REP, enc_part=encode_encrypted_data(message.enc_part))
    return encode_tlv(application(AP_REP), encode(value))


def decode_enc_ap_rep_part(data: bytes) -> EncApRepPart:
    try:
        return _read_enc_ap_rep_part(data)
    except (Unusual, LookupError):
        return _decode_enc_ap_rep_part(data)


def _find_enc_ap_rep_part(data: bytes) -> tuple[Span, ...]:
    at, end = whole(data, _ENC_AP_REP_PART, SEQUENCE)
    ctime = inside(data, at, end, 0xA0, GENERALIZED_TIME)
    cusec = inside(data, ctime[1], end, 0xA1, INTEGER)
    kind, key = find_typed_if_there(data, cusec[1], end, 0xA2)
    seq_number = inside_if_there(data, key[1], end, 0xA3, INTEGER)
    if seq_number[1] != end:
        raise Unusual
    return ctime, cusec, kind, key, seq_number


_ENC_AP_REP_PARTS: Final = Places(_find_enc_ap_rep_part)


def _read_enc_ap_rep_part(data: bytes) -> EncApRepPart:
    ctime, cusec, kind, key, seq_number = _ENC_AP_REP_PARTS.fields(data)
    return EncApRepPart(
        time(ctime), _microseconds(cusec), key_if_there(kind, key), number(seq_number) if seq_number else None
    )


def _decode_enc_ap_rep_part(data: bytes) -> EncApRepPart:
    value = decode(_EncApRepPart, decode_tlv(_ENC_AP_REP_PART, data, "EncAPRepPart"))
    return EncApRepPart(
        decode_time(value.ctime),
        decode_int32(value.cusec),
        None if value.subkey is None else decode_key(value.subkey),
        None if value.seq_number is None else decode_uint32(value.seq_number, "seq-number"),
    )


def encode_enc_ap_rep_part(message: EncApRepPart) -> bytes:
    try:
        return _write_enc_ap_rep_part(message)
    except Unusual:
        return _encode_enc_ap_rep_part(message)


def _write_enc_ap_rep_part(message: EncApRepPart) -> bytes:
    subkey, seq_number = message.subkey, message.seq_number
    if subkey is None or seq_number is None:
        raise Unusual
    ctime, cusec, sequence = time_octets(message.ctime), number_octets(message.cusec), number_octets(seq_number)
    before, middle, head, tail = _around(len(cusec), subkey.keytype, len(subkey.keyvalue), len(sequence))
    return b"".join((before, ctime, middle, cusec, head, subkey.keyvalue, tail, sequence))


@lru_cache(maxsize=64)
def _around(cusec_size: int, keytype: int, key_size: int, sequence_size: int) -> tuple[bytes, bytes, bytes, bytes]:
    """What stands before each field of an EncAPRepPart whose fields have these sizes; a key's type is part of that."""
    cusec, sequence = ((1 << 8 * (size - 1)) >> 1 for size in (cusec_size, sequence_size))  # the least of that size
    sample = _encode_enc_ap_rep_part(EncApRepPart(0, cusec, EncryptionKey(keytype, bytes(key_size)), sequence))
    before, middle, head, head_end, tail, _ = _ENC_AP_REP_PARTS.between(sample)
    return before, middle, head + _ENC_AP_REP_PARTS.fields(sample)[2] + head_end, tail


def _encode_enc_ap_rep_part(message: EncApRepPart) -> bytes:
    value = _EncApRepPart(
        ctime=encode_time(message.ctime),
        cusec=message.cusec,
        subkey=None if message.subkey is None else encode_key(message.subkey),
        seq_number=message.seq_number,
    )
    return encode_tlv(_ENC_AP_REP_PART, encode(value))
