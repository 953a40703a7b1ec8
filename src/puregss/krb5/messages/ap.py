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
)
from puregss.krb5.messages.ticket import ticket_field, ticket_octets
from puregss.krb5.messages.usual import (
    VERSION,
    opened,
    read_authorization_data,
    read_key,
    read_principal,
    read_sealed,
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
from puregss.wire.usual import Unusual, nested, read_number, read_time, write_number, write_time, write_typed_octets

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
    except (Unusual, IndexError):
        return _decode_ap_req(data)


def _read_ap_req(data: bytes) -> ApReq:
    at = opened(data, AP_REQ, _AP_REQ_FIXED)
    ticket, size = at + 8, data[at + 6] << 8 | data[at + 7]
    end = ticket + size
    if (
        data[at + 4] != 0xA3
        or data[at + 5] != 0x82
        or size < 0x100
        or not data.startswith(nested(b"\x61", size), ticket)
    ):
        raise Unusual
    return ApReq(int.from_bytes(data[at : at + 4], "big"), data[ticket:end], read_sealed(data, end, 0xA4))


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
    except (Unusual, IndexError):
        return _decode_authenticator(data)


def _read_authenticator(data: bytes) -> Authenticator:
    client, at = read_principal(data, opened(data, 2, VERSION), 0xA1)
    if not data.startswith(_GSS_CHECKSUM, at):
        raise Unusual
    start = at + len(_GSS_CHECKSUM)
    checksum = Checksum(0x8003, data[start : start + 24])
    cusec, at = read_number(data, start + 24, 0xA4)
    ctime, at = read_time(data, at, 0xA5)
    subkey = seq_number = None
    size = len(data)
    if at < size and data[at] == 0xA6:
        subkey, at = read_key(data, at, 0xA6)
    if at < size and data[at] == 0xA7:
        seq_number, at = read_number(data, at, 0xA7)
    elements = read_authorization_data(data, at, 0xA8)
    if cusec > 0x7FFFFFFF:
        raise Unusual
    return Authenticator(client, checksum, cusec, ctime, subkey, seq_number, elements)


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
    except (Unusual, IndexError):
        return _decode_ap_rep(data)


def _read_ap_rep(data: bytes) -> ApRep:
    return ApRep(read_sealed(data, opened(data, AP_REP, _AP_REP_FIXED), 0xA2))


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
    except (Unusual, IndexError):
        return _decode_enc_ap_rep_part(data)


def _read_enc_ap_rep_part(data: bytes) -> EncApRepPart:
    ctime, at = read_time(data, opened(data, 27, b""), 0xA0)
    cusec, at = read_number(data, at, 0xA1)
    subkey = seq_number = None
    size = len(data)
    if at < size and data[at] == 0xA2:
        subkey, at = read_key(data, at, 0xA2)
    if at < size and data[at] == 0xA3:
        seq_number, at = read_number(data, at, 0xA3)
    if at != size or cusec > 0x7FFFFFFF:
        raise Unusual
    return EncApRepPart(ctime, cusec, subkey, seq_number)


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
    subkey = message.subkey
    fields = (
        write_time(0xA0, message.ctime),
        write_number(0xA1, message.cusec),
        b"" if subkey is None else write_typed_octets(0xA2, subkey.keytype, subkey.keyvalue),
        b"" if message.seq_number is None else write_number(0xA3, message.seq_number),
    )
    return encode_tlv(_ENC_AP_REP_PART, encode_tlv(SEQUENCE, b"".join(fields)))


def _encode_enc_ap_rep_part(message: EncApRepPart) -> bytes:
    value = _EncApRepPart(
        ctime=encode_time(message.ctime),
        cusec=message.cusec,
        subkey=None if message.subkey is None else encode_key(message.subkey),
        seq_number=message.seq_number,
    )
    return encode_tlv(_ENC_AP_REP_PART, encode(value))
