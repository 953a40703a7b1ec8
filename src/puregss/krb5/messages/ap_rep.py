"""RFC 4120 §5.5.2: AP-REP and EncAPRepPart."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from puregss.base.made import made
from puregss.krb5.messages.fields import (
    PVNO,
    DerEncryptedData,
    DerTypedOctets,
    EncryptedData,
    EncryptionKey,
    check_message_type,
    check_version,
    decode_encrypted_data,
    decode_key,
    encode_encrypted_data,
    encode_key,
)
from puregss.krb5.messages.usual import (
    GENERALIZED_TIME,
    INTEGER,
    MESSAGE_TYPE,
    VERSION,
    find_sealed,
    find_typed_if_there,
    key_if_there,
    microseconds,
    sealed,
)
from puregss.wire.der import (
    SEQUENCE,
    Explicit,
    GeneralizedTime,
    application,
    decode,
    decode_int32,
    decode_time,
    decode_tlv,
    decode_uint32,
    encode,
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

AP_REP: Final = 15
_AP_REP_FIXED: Final = VERSION + MESSAGE_TYPE + bytes((AP_REP,))
_ENC_AP_REP_PART: Final = application(27)


class ApRep(NamedTuple):
    enc_part: EncryptedData


class EncApRepPart(NamedTuple):
    """EncAPRepPart: the authenticator's time, and the acceptor's subkey and sequence number."""

    ctime: int
    cusec: int
    subkey: EncryptionKey | None = None
    seq_number: int | None = None


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
    return made(ApRep, (sealed(*_AP_REPS.fields(data)),))


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
    return made(
        EncApRepPart,
        (time(ctime), microseconds(cusec), key_if_there(kind, key), number(seq_number) if seq_number else None),
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
