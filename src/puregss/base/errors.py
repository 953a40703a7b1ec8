"""RFC 2743 §1.2.1: statuses as exceptions. One tree; every failure of the library is a `GSSError`.

The class names are those that users of python-gssapi know; `major` carries RFC 2744's number.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from puregss.base.status import MAJOR_TEXT, Major, Supplementary

_LONGEST: Final = 4000


class GSSError(Exception):
    """A GSS status other than COMPLETE.

    `message` is one sentence for a person: what was at fault and what to do. `minor` is the
    mechanism's number (0 where there is none) and `token` the bytes to send to the peer, if the
    mechanism has an error token for it. Never put a secret into `message`.
    """

    major: ClassVar[int] = Major.FAILURE

    def __init__(self, message: str, *, minor: int = 0, token: bytes | None = None) -> None:
        # Names in it may be a stranger's: nothing of them may fill a log, drive a terminal or forge a line.
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"
        if not message.isprintable():
            message = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__(message)
        self.message = message
        self.minor = minor
        self.token = token

    def __str__(self) -> str:
        return f"{MAJOR_TEXT[self.major]}: {self.message}"


class BadMechanismError(GSSError):
    """GSS_S_BAD_MECH"""

    major = Major.BAD_MECH


class BadNameError(GSSError):
    """GSS_S_BAD_NAME"""

    major = Major.BAD_NAME


class BadNameTypeError(GSSError):
    """GSS_S_BAD_NAMETYPE"""

    major = Major.BAD_NAMETYPE


class BadChannelBindingsError(GSSError):
    """GSS_S_BAD_BINDINGS"""

    major = Major.BAD_BINDINGS


class BadStatusError(GSSError):
    """GSS_S_BAD_STATUS"""

    major = Major.BAD_STATUS


class BadMICError(GSSError):
    """GSS_S_BAD_MIC (RFC 2744 also calls it BAD_SIG)"""

    major = Major.BAD_MIC


class MissingCredentialsError(GSSError):
    """GSS_S_NO_CRED"""

    major = Major.NO_CRED


class MissingContextError(GSSError):
    """GSS_S_NO_CONTEXT: not established, or exported, deleted, or inherited through fork"""

    major = Major.NO_CONTEXT


class InvalidTokenError(GSSError):
    """GSS_S_DEFECTIVE_TOKEN"""

    major = Major.DEFECTIVE_TOKEN


class InvalidCredentialsError(GSSError):
    """GSS_S_DEFECTIVE_CREDENTIAL"""

    major = Major.DEFECTIVE_CREDENTIAL


class ExpiredCredentialsError(GSSError):
    """GSS_S_CREDENTIALS_EXPIRED"""

    major = Major.CREDENTIALS_EXPIRED


class ExpiredContextError(GSSError):
    """GSS_S_CONTEXT_EXPIRED"""

    major = Major.CONTEXT_EXPIRED


class BadQoPError(GSSError):
    """GSS_S_BAD_QOP"""

    major = Major.BAD_QOP


class UnauthorizedError(GSSError):
    """GSS_S_UNAUTHORIZED"""

    major = Major.UNAUTHORIZED


class OperationUnavailableError(GSSError):
    """GSS_S_UNAVAILABLE"""

    major = Major.UNAVAILABLE


class DuplicateCredentialsElementError(GSSError):
    """GSS_S_DUPLICATE_ELEMENT"""

    major = Major.DUPLICATE_ELEMENT


class MechanismNameRequiredError(GSSError):
    """GSS_S_NAME_NOT_MN"""

    major = Major.NAME_NOT_MN


class BadMechanismAttributeError(GSSError):
    """GSS_S_BAD_MECH_ATTR (RFC 5587 §3.4.7)"""

    major = Major.BAD_MECH_ATTR


class SupplementaryError(GSSError):
    """A per-message token that is sound but came at the wrong place (RFC 2743 §1.2.3).

    The token's protection was verified. `result` is what the call would have returned: an
    application that tolerates loss or reordering (datagrams) can take the message from there.
    """

    def __init__(self, message: str, *, result: Any = None, minor: int = 0) -> None:
        super().__init__(message, minor=minor)
        self.result = result


class DuplicateTokenError(SupplementaryError):
    """GSS_S_DUPLICATE_TOKEN"""

    major = Supplementary.DUPLICATE_TOKEN


class ExpiredTokenError(SupplementaryError):
    """GSS_S_OLD_TOKEN: too old to tell whether it is a duplicate"""

    major = Supplementary.OLD_TOKEN


class TokenTooLateError(SupplementaryError):
    """GSS_S_UNSEQ_TOKEN: a later token was processed before this one"""

    major = Supplementary.UNSEQ_TOKEN


class TokenTooEarlyError(SupplementaryError):
    """GSS_S_GAP_TOKEN: tokens before this one have not arrived"""

    major = Supplementary.GAP_TOKEN
