"""RFC 4121 §4.1, RFC 4120 §5.9: errors as tokens."""

from __future__ import annotations

import pytest

from puregss.base.errors import ExpiredCredentialsError, GSSError
from puregss.krb5.mechanism_error import error_token, read_error
from puregss.krb5.mechanism_token import KRB_ERROR, decode_token
from puregss.krb5.messages.ap_req import Authenticator
from puregss.krb5.messages.error import KrbErrorCode, decode_krb_error
from tests.krb5.minting import CLIENT, NOW, SERVICE


@pytest.mark.parametrize("code", [c for c in KrbErrorCode if c])
def test_every_code_comes_back_as_its_minor(code: KrbErrorCode) -> None:
    token_id, message, framed = decode_token(error_token(code.minor, NOW + 0.5, SERVICE, None))
    assert (token_id, framed) == (KRB_ERROR, True)
    error, refusal = read_error(message, SERVICE)
    assert (error.error_code, error.stime, error.susec, error.server) == (code, NOW, 500_000, SERVICE)
    assert refusal.minor == code.minor
    assert str(SERVICE) in refusal.message
    assert isinstance(refusal, ExpiredCredentialsError) is (code == KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED)
    assert isinstance(refusal, GSSError)


@pytest.mark.parametrize("minor", [0, 5, -1, KrbErrorCode.KDC_ERR_NONE.minor, KrbErrorCode.KDC_ERR_NONE.minor + 128])
def test_a_minor_without_a_code_is_the_generic_error(minor: int) -> None:
    message = decode_token(error_token(minor, NOW, None, None))[1]
    assert decode_krb_error(message).error_code == KrbErrorCode.KRB_ERR_GENERIC


def test_the_authenticators_time_is_repeated() -> None:
    authenticator = Authenticator(CLIENT, None, 123, NOW - 7)
    message = decode_token(error_token(KrbErrorCode.KRB_AP_ERR_SKEW.minor, NOW, SERVICE, authenticator))[1]
    error = decode_krb_error(message)
    assert (error.client, error.ctime, error.cusec) == (CLIENT, NOW - 7, 123)
