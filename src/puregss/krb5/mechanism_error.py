"""RFC 4121 §4.1, RFC 4120 §5.9: errors told to the peer, and the peer's errors read."""

from __future__ import annotations

from typing import Final

from puregss.base.errors import ExpiredCredentialsError, GSSError
from puregss.krb5.mechanism_token import KRB_ERROR, encode_token
from puregss.krb5.messages.ap_req import Authenticator
from puregss.krb5.messages.error import KrbError, KrbErrorCode, decode_krb_error, encode_krb_error
from puregss.krb5.messages.fields import MINOR_BASE
from puregss.krb5.principal import Principal

_NOBODY: Final = Principal(("unknown",), "")
_CODES: Final = 128  # MINOR_BASE's table has as many


def error_token(minor: int, now: float, server: Principal | None, authenticator: Authenticator | None) -> bytes:
    """A KRB-ERROR for the peer, whom nobody has authenticated: it learns the code and the time, and no details."""
    code = minor - MINOR_BASE if 0 < minor - MINOR_BASE < _CODES else int(KrbErrorCode.KRB_ERR_GENERIC)
    message = KrbError(
        error_code=code,
        stime=int(now),
        susec=int(now % 1 * 1_000_000),
        server=server or _NOBODY,
        client=authenticator and authenticator.client,
        ctime=authenticator and authenticator.ctime,
        cusec=authenticator and authenticator.cusec,
    )
    return encode_token(KRB_ERROR, encode_krb_error(message))


def read_error(message: bytes, peer: Principal) -> tuple[KrbError, GSSError]:
    """The peer's KRB-ERROR, and the error to raise for it."""
    error = decode_krb_error(message)
    expired = error.error_code == KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED
    kind = ExpiredCredentialsError if expired else GSSError
    return error, kind(f"{peer} refused: {error.describe()}", minor=error.minor)
