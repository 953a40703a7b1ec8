"""RFC 4121 §4.1: context establishment tokens: framing, token identifier, Kerberos message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from puregss.base.errors import BadMechanismError, BadMICError, InvalidTokenError, OperationUnavailableError
from puregss.base.names import KERBEROS_ALIASES, MechType
from puregss.base.ports import Entropy
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.kcrypto.key import Key
from puregss.krb5.messages.error_codes import KrbErrorCode
from puregss.krb5.messages.fields import EncryptedData, EncryptionKey
from puregss.wire.der import encode_tlv
from puregss.wire.framing import decode_framed
from puregss.wire.usual import Unusual, opening

AP_REQ: Final = b"\x01\x00"
AP_REP: Final = b"\x02\x00"
KRB_ERROR: Final = b"\x03\x00"

AUTHENTICATOR_USAGE: Final = 11
AP_REP_USAGE: Final = 12
"""Key usages of RFC 4120 §7.5.1."""

_FRAMED: Final = 0x60
_KERBEROS: Final = MechType.kerberos.der
_BARE: Final = {0x6E: AP_REQ, 0x6F: AP_REP, 0x7E: KRB_ERROR}
"""First octet of an unframed message, [APPLICATION 14], 15 and 30: what Windows sends, and what DCE style is."""


def encode_token(token_id: bytes, message: bytes) -> bytes:
    """Frame a Kerberos message."""
    return encode_tlv(_FRAMED, b"".join((_KERBEROS, token_id, message)))


def decode_token(token: bytes) -> tuple[bytes, bytes, bool]:
    """The token identifier, the message and whether it was framed. BadMechanismError for another mechanism's token."""
    if not token:
        raise InvalidTokenError("the token is empty; a Kerberos exchange begins with an AP-REQ")
    if token[0] != _FRAMED:
        if (token_id := _BARE.get(token[0])) is None:
            raise InvalidTokenError(f"the token begins with 0x{token[0]:02x}; neither GSS-API nor Kerberos begins so")
        return token_id, token, False
    usual = _usual_beginning(len(token))
    if usual is not None and token.startswith(usual):
        start = len(usual)
        return token[start : start + 2], token[start + 2 :], True
    oid, inner = decode_framed(token)
    if oid != MechType.kerberos and oid not in KERBEROS_ALIASES:
        raise BadMechanismError(f"the token is of the mechanism {oid}, not of Kerberos")
    return inner[:2], inner[2:], True


@lru_cache(maxsize=1024)
def _usual_beginning(size: int) -> bytes | None:
    """What a framed token of Kerberos begins with if it is `size` octets in all; None if none is."""
    try:
        return opening(_FRAMED, size) + _KERBEROS
    except Unusual:
        return None


def open_sealed(sealed: EncryptedData, key: Key, usage: int, complaint: str) -> bytes:
    """The plaintext of a part of a context token. BadMICError with `complaint` if it is not sealed with `key`."""
    if sealed.etype == key.enctype:
        try:
            return key.decrypt(usage, sealed.cipher)
        except BadMICError:
            pass
    raise BadMICError(complaint, minor=KrbErrorCode.KRB_AP_ERR_BAD_INTEGRITY.minor)


def usable_key(key: EncryptionKey, whose: str, permitted: Sequence[int] = SUPPORTED) -> Key:
    """A key out of a message. OperationUnavailableError for an encryption type we lack, or that is not permitted."""
    if key.keytype in SUPPORTED and key.keytype not in permitted:
        raise OperationUnavailableError(
            f"{whose} is of the type {enctype_name(key.keytype)}, which permitted_enctypes in krb5.conf leaves out "
            "here; let KDC and peer know what is permitted",
            minor=KrbErrorCode.KDC_ERR_ETYPE_NOSUPP.minor,
        )
    try:
        return Key(key.keytype, key.keyvalue)
    except OperationUnavailableError as error:
        raise OperationUnavailableError(
            f"{whose} cannot be used: {error.message}", minor=KrbErrorCode.KDC_ERR_ETYPE_NOSUPP.minor
        ) from None


def random_sequence_number(entropy: Entropy) -> int:
    """RFC 4120 §5.5.1: a first sequence number: random, not 0, and of 30 bits, for some peers treat it as signed."""
    return (int.from_bytes(entropy(4)) & 0x3FFFFFFF) or 1
