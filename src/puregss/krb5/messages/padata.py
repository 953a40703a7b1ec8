"""RFC 4120 §5.2.7: pre-authentication data, METHOD-DATA, ETYPE-INFO(2), PA-ENC-TS-ENC."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, NamedTuple

from puregss.wire.der import (
    Box,
    Explicit,
    GeneralizedTime,
    Implicit,
    decode,
    decode_all,
    decode_general_string,
    decode_int32,
    decode_time,
    encode,
    encode_all,
    encode_general_string,
    encode_time,
    sequence,
)


class PaDataType(IntEnum):
    """RFC 4120 §7.5.2, RFC 6113 §7, RFC 6806: the types of pre-authentication data we know."""

    TGS_REQ = 1
    ENC_TIMESTAMP = 2
    PW_SALT = 3
    ETYPE_INFO = 11
    PK_AS_REQ = 16
    PK_AS_REP = 17
    ETYPE_INFO2 = 19
    SVR_REFERRAL_INFO = 20
    PAC_REQUEST = 128
    FOR_USER = 129
    FX_COOKIE = 133
    FX_FAST = 136
    FX_ERROR = 137
    ENCRYPTED_CHALLENGE = 138
    REQ_ENC_PA_REP = 149
    SPAKE = 151


class PaData(NamedTuple):
    padata_type: int
    padata_value: bytes


class EtypeInfo2Entry(NamedTuple):
    """How a client makes its key of `etype`: `salt` None is the default salt, `s2kparams` None the default."""

    etype: int
    salt: bytes | None = None
    s2kparams: bytes | None = None


class PaEncTsEnc(NamedTuple):
    """The encrypted timestamp: seconds since 1970, and microseconds beyond."""

    patimestamp: int
    pausec: int | None = None


@sequence
class DerPaData:
    """RFC 4120 §5.2.7."""

    padata_type: Annotated[int, Explicit(1)]
    padata_value: Annotated[bytes, Explicit(2)]


@sequence
class _MethodData:
    """RFC 4120 §5.9.1."""

    items: list[DerPaData]


@sequence
class _EtypeInfo2Entry:
    """RFC 4120 §5.2.7.5."""

    etype: Annotated[int, Explicit(0)]
    salt: Annotated[Box | None, Implicit(1)]
    s2kparams: Annotated[bytes | None, Explicit(2)]


@sequence
class _EtypeInfo2:
    """RFC 4120 §5.2.7.5."""

    items: list[_EtypeInfo2Entry]


@sequence
class _EtypeInfoEntry:
    """RFC 4120 §5.2.7.4."""

    etype: Annotated[int, Explicit(0)]
    salt: Annotated[bytes | None, Explicit(1)]


@sequence
class _EtypeInfo:
    """RFC 4120 §5.2.7.4."""

    items: list[_EtypeInfoEntry]


@sequence
class _PaEncTsEnc:
    """RFC 4120 §5.2.7.2."""

    patimestamp: Annotated[GeneralizedTime, Explicit(0)]
    pausec: Annotated[int | None, Explicit(1)]


def decode_padata(values: list[DerPaData] | None) -> tuple[PaData, ...]:
    """The padata field of a message; absent and empty are one."""
    return tuple(PaData(decode_int32(value.padata_type, "padata-type"), value.padata_value) for value in values or ())


def encode_padata(padata: tuple[PaData, ...]) -> list[DerPaData] | None:
    """The reverse; no elements, no field."""
    return [DerPaData(padata_type=kind, padata_value=value) for kind, value in padata] or None


def decode_method_data(data: bytes) -> tuple[PaData, ...]:
    """METHOD-DATA: what a KRB-ERROR that asks for pre-authentication carries in its e-data."""
    return decode_padata(decode_all(_MethodData, data).items)


def encode_method_data(padata: tuple[PaData, ...]) -> bytes:
    return encode_all(_MethodData(items=encode_padata(padata) or []))


def decode_etype_info2(data: bytes) -> tuple[EtypeInfo2Entry, ...]:
    return tuple(
        EtypeInfo2Entry(
            decode_int32(value.etype, "etype"),
            None if value.salt is None else _string_octets(value.salt),
            value.s2kparams,
        )
        for value in decode_all(_EtypeInfo2, data).items
    )


def encode_etype_info2(entries: tuple[EtypeInfo2Entry, ...]) -> bytes:
    items = [
        _EtypeInfo2Entry(
            etype=entry.etype,
            salt=None if entry.salt is None else _string_box(entry.salt),
            s2kparams=entry.s2kparams,
        )
        for entry in entries
    ]
    return encode_all(_EtypeInfo2(items=items))


def _string_octets(box: Box) -> bytes:
    return decode_general_string(box.value).encode("utf-8", "surrogateescape")


def _string_box(octets: bytes) -> Box:
    return Box(value=encode_general_string(octets.decode("utf-8", "surrogateescape")))


def decode_etype_info(data: bytes) -> tuple[EtypeInfo2Entry, ...]:
    """The older ETYPE-INFO, which has no parameters."""
    items = decode_all(_EtypeInfo, data).items
    return tuple(EtypeInfo2Entry(decode_int32(item.etype, "etype"), item.salt) for item in items)


def encode_etype_info(entries: tuple[EtypeInfo2Entry, ...]) -> bytes:
    return encode_all(_EtypeInfo(items=[_EtypeInfoEntry(etype=entry.etype, salt=entry.salt) for entry in entries]))


def decode_pa_enc_ts_enc(data: bytes) -> PaEncTsEnc:
    value = decode(_PaEncTsEnc, data)
    pausec = value.pausec
    return PaEncTsEnc(decode_time(value.patimestamp), None if pausec is None else decode_int32(pausec, "pausec"))


def encode_pa_enc_ts_enc(value: PaEncTsEnc) -> bytes:
    return encode(_PaEncTsEnc(patimestamp=encode_time(value.patimestamp), pausec=value.pausec))
