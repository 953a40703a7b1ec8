"""RFC 4120 §5.9: KRB-ERROR."""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from puregss.krb5.messages.error_codes import KrbErrorCode, error_hint, error_name, error_text
from puregss.krb5.messages.fields import (
    MINOR_BASE,
    PVNO,
    check_message_type,
    check_version,
    decode_optional_principal,
    decode_principal,
    encode_name,
    encode_optional_name,
    encode_optional_realm,
    encode_realm,
)
from puregss.krb5.principal import Principal
from puregss.wire.der import (
    TLV,
    Box,
    Explicit,
    GeneralizedTime,
    Implicit,
    application,
    decode,
    decode_general_string,
    decode_int32,
    decode_optional_time,
    decode_time,
    decode_tlv,
    encode,
    encode_general_string,
    encode_optional_time,
    encode_time,
    encode_tlv,
    sequence,
)

__all__ = [
    "KRB_ERROR",
    "KrbError",
    "KrbErrorCode",
    "decode_krb_error",
    "encode_krb_error",
    "is_krb_error",
]

KRB_ERROR: Final = 30
_TAG: Final = application(KRB_ERROR)
_LONGEST_TEXT: Final = 200


class KrbError(NamedTuple):
    """A refusal. `stime`, `ctime` in seconds since 1970, `susec`, `cusec` in microseconds beyond."""

    error_code: int
    stime: int
    susec: int
    server: Principal
    client: Principal | None = None
    ctime: int | None = None
    cusec: int | None = None
    e_text: str | None = None
    e_data: bytes | None = None

    @property
    def minor(self) -> int:
        """The code as a GSS minor status."""
        return MINOR_BASE + self.error_code

    def describe(self) -> str:
        """Meaning, name and number, the sender's own words if they say more, and what to do; no full stop."""
        text = f"{error_text(self.error_code)} [{error_name(self.error_code)}]"
        if self.e_text:
            # The words of a stranger: bounded, and nothing that could drive a terminal.
            words = "".join(character if character.isprintable() else "?" for character in self.e_text[:_LONGEST_TEXT])
            text += f", in its words {words!r}"
        hint = error_hint(self.error_code)
        return f"{text}; {hint}" if hint else text


@sequence
class _KrbError:
    """RFC 4120 §5.9.1."""

    pvno: Annotated[int, Explicit(0)]
    msg_type: Annotated[int, Explicit(1)]
    ctime: Annotated[GeneralizedTime | None, Explicit(2)]
    cusec: Annotated[int | None, Explicit(3)]
    stime: Annotated[GeneralizedTime, Explicit(4)]
    susec: Annotated[int, Explicit(5)]
    error_code: Annotated[int, Explicit(6)]
    crealm: Annotated[Box | None, Implicit(7)]
    cname: Annotated[Box | None, Implicit(8)]
    realm: Annotated[TLV, Explicit(9)]
    sname: Annotated[TLV, Explicit(10)]
    e_text: Annotated[Box | None, Implicit(11)]
    e_data: Annotated[bytes | None, Explicit(12)]


def is_krb_error(data: bytes) -> bool:
    """Whether `data` begins as a KRB-ERROR does."""
    return bool(data) and data[0] == _TAG


def decode_krb_error(data: bytes) -> KrbError:
    value = decode(_KrbError, decode_tlv(_TAG, data, "KRB-ERROR"))
    check_version(value.pvno, "the KRB-ERROR")
    check_message_type(value.msg_type, KRB_ERROR, "the KRB-ERROR")
    return KrbError(
        error_code=decode_int32(value.error_code, "error-code"),
        stime=decode_time(value.stime),
        susec=decode_int32(value.susec, "susec"),
        server=decode_principal(value.realm, value.sname),
        client=decode_optional_principal(value.crealm, value.cname),
        ctime=decode_optional_time(value.ctime),
        cusec=None if value.cusec is None else decode_int32(value.cusec, "cusec"),
        e_text=None if value.e_text is None else decode_general_string(value.e_text.value),
        e_data=value.e_data,
    )


def encode_krb_error(message: KrbError) -> bytes:
    value = _KrbError(
        pvno=PVNO,
        msg_type=KRB_ERROR,
        ctime=encode_optional_time(message.ctime),
        cusec=message.cusec,
        stime=encode_time(message.stime),
        susec=message.susec,
        error_code=message.error_code,
        crealm=encode_optional_realm(message.client),
        cname=encode_optional_name(message.client),
        realm=encode_realm(message.server.realm),
        sname=encode_name(message.server),
        e_text=None if message.e_text is None else Box(value=encode_general_string(message.e_text)),
        e_data=message.e_data,
    )
    return encode_tlv(_TAG, encode(value))
