"""RFC 4120 §7.5.9, RFC 4556 §3.1.3, RFC 6113 §6: error codes, what each means and what to do about it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from puregss.krb5.messages.fields import MINOR_BASE


class KrbErrorCode(IntEnum):
    """The error-code of a KRB-ERROR. `minor` is the number as a GSS minor status, `text` and `hint` are for people."""

    text: str
    hint: str

    def __new__(cls, code: int, text: str = "", hint: str = "") -> KrbErrorCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.text = text
        member.hint = hint
        return member

    KDC_ERR_NONE = 0, "no error"
    KDC_ERR_NAME_EXP = 1, "the client's entry has expired", "ask the realm's administrator to renew it"
    KDC_ERR_SERVICE_EXP = 2, "the service's entry has expired", "ask the realm's administrator to renew it"
    KDC_ERR_BAD_PVNO = 3, "the protocol version is not supported"
    KDC_ERR_C_OLD_MAST_KVNO = 4, "the client's key is encrypted in an old master key"
    KDC_ERR_S_OLD_MAST_KVNO = 5, "the service's key is encrypted in an old master key"
    KDC_ERR_C_PRINCIPAL_UNKNOWN = 6, "the client is unknown", "check the spelling of the name and its realm"
    KDC_ERR_S_PRINCIPAL_UNKNOWN = (
        7,
        "the service is unknown",
        "check the host name (DNS aliases, short names) and that the service was created in this realm",
    )
    KDC_ERR_PRINCIPAL_NOT_UNIQUE = 8, "the name belongs to several entries", "remove the duplicate (setspn -X on AD)"
    KDC_ERR_NULL_KEY = 9, "the client or the service has no key", "set its password"
    KDC_ERR_CANNOT_POSTDATE = 10, "the ticket cannot be postdated"
    KDC_ERR_NEVER_VALID = 11, "the ticket would end before it begins", "check the lifetime asked for and both clocks"
    KDC_ERR_POLICY = 12, "the realm's policy rejects the request", "ask the realm's administrator"
    KDC_ERR_BADOPTION = (
        13,
        "the KDC cannot grant an option of the request",
        "the TGT may not be forwardable or renewable: get one with kinit -f or -r",
    )
    KDC_ERR_ETYPE_NOSUPP = (
        14,
        "the KDC has no enctype in common with the request",
        "the principal may have RC4 or DES keys only: set its password again so that it gets AES keys",
    )
    KDC_ERR_SUMTYPE_NOSUPP = 15, "the KDC does not support the checksum type"
    KDC_ERR_PADATA_TYPE_NOSUPP = 16, "the KDC does not support this pre-authentication"
    KDC_ERR_TRTYPE_NOSUPP = 17, "the KDC does not support the transited encoding"
    KDC_ERR_CLIENT_REVOKED = 18, "the client is locked or disabled", "ask the realm's administrator to unlock it"
    KDC_ERR_SERVICE_REVOKED = 19, "the service is disabled", "ask the realm's administrator to enable it"
    KDC_ERR_TGT_REVOKED = 20, "the TGT has been revoked", "run kinit again"
    KDC_ERR_CLIENT_NOTYET = 21, "the client is not yet valid", "try again later"
    KDC_ERR_SERVICE_NOTYET = 22, "the service is not yet valid", "try again later"
    KDC_ERR_KEY_EXPIRED = 23, "the password has expired", "change it with kpasswd"
    KDC_ERR_PREAUTH_FAILED = (
        24,
        "pre-authentication failed",
        "the password is wrong, or the keytab holds an old key: compare the key version numbers",
    )
    KDC_ERR_PREAUTH_REQUIRED = 25, "pre-authentication is required"
    KDC_ERR_SERVER_NOMATCH = 26, "service and ticket do not match"
    KDC_ERR_MUST_USE_USER2USER = 27, "the service is for user-to-user authentication only"
    KDC_ERR_PATH_NOT_ACCEPTED = 28, "the realm does not trust the path through other realms", "check [capaths]"
    KDC_ERR_SVC_UNAVAILABLE = 29, "the KDC cannot serve the request now", "try again, or another KDC"
    KRB_AP_ERR_BAD_INTEGRITY = (
        31,
        "what was decrypted fails its integrity check",
        "the key is not the one the KDC used: renew the keytab, and the ticket (kdestroy, kinit)",
    )
    KRB_AP_ERR_TKT_EXPIRED = 32, "the ticket has expired", "run kinit again"
    KRB_AP_ERR_TKT_NYV = 33, "the ticket is not yet valid", "set the clocks of both machines (NTP)"
    KRB_AP_ERR_REPEAT = 34, "the request was seen before", "send a fresh one; if it was fresh, somebody replays traffic"
    KRB_AP_ERR_NOT_US = 35, "the ticket is for another service", "check the target name and the acceptor's keytab"
    KRB_AP_ERR_BADMATCH = 36, "ticket and authenticator name different clients"
    KRB_AP_ERR_SKEW = 37, "the clocks differ too much", "set the clocks of both machines (NTP)"
    KRB_AP_ERR_BADADDR = 38, "the ticket is bound to another network address", "run kinit with noaddresses = true"
    KRB_AP_ERR_BADVERSION = 39, "the protocol versions do not match"
    KRB_AP_ERR_MSG_TYPE = 40, "the message is of the wrong type"
    KRB_AP_ERR_MODIFIED = (
        41,
        "the ticket could not be decrypted, or the message was changed on its way",
        "the service's key and its keytab differ, or the name belongs to another account: renew the keytab",
    )
    KRB_AP_ERR_BADORDER = 42, "the message is out of order"
    KRB_AP_ERR_BADKEYVER = 44, "the service lacks this version of its key", "renew its keytab, then run kinit again"
    KRB_AP_ERR_NOKEY = 45, "the service lacks its key", "add it to the keytab"
    KRB_AP_ERR_MUT_FAIL = 46, "mutual authentication failed", "what answered is not the service it claims to be"
    KRB_AP_ERR_BADDIRECTION = 47, "the message goes the wrong way"
    KRB_AP_ERR_METHOD = 48, "another authentication method is required"
    KRB_AP_ERR_BADSEQ = 49, "the sequence number is wrong"
    KRB_AP_ERR_INAPP_CKSUM = 50, "the checksum is of an inappropriate type"
    KRB_AP_PATH_NOT_ACCEPTED = 51, "the service does not trust the path through other realms", "check [capaths]"
    KRB_ERR_RESPONSE_TOO_BIG = 52, "the answer is too big for UDP", "ask again over TCP"
    KRB_ERR_GENERIC = 60, "generic error", "the KDC's log tells more"
    KRB_ERR_FIELD_TOOLONG = 61, "a field is too long"
    KDC_ERR_CLIENT_NOT_TRUSTED = 62, "the client's certificate is not trusted"
    KDC_ERR_KDC_NOT_TRUSTED = 63, "the KDC's certificate is not trusted"
    KDC_ERR_INVALID_SIG = 64, "a signature is invalid"
    KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED = 65, "the Diffie-Hellman parameters are too weak"
    KDC_ERR_CERTIFICATE_MISMATCH = 66, "the certificate does not match the user"
    KRB_AP_ERR_NO_TGT = 67, "there is no TGT for user-to-user authentication"
    KDC_ERR_WRONG_REALM = 68, "the client is in another realm", "use the realm the KDC names"
    KRB_AP_ERR_USER_TO_USER_REQUIRED = 69, "the service wants user-to-user authentication"
    KDC_ERR_CANT_VERIFY_CERTIFICATE = 70, "the certificate cannot be verified"
    KDC_ERR_INVALID_CERTIFICATE = 71, "the certificate is invalid"
    KDC_ERR_REVOKED_CERTIFICATE = 72, "the certificate is revoked"
    KDC_ERR_REVOCATION_STATUS_UNKNOWN = 73, "the certificate's revocation is unknown"
    KDC_ERR_REVOCATION_STATUS_UNAVAILABLE = 74, "the certificate's revocation cannot be looked up"
    KDC_ERR_CLIENT_NAME_MISMATCH = 75, "the certificate names another client"
    KDC_ERR_KDC_NAME_MISMATCH = 76, "the certificate names another KDC"
    KDC_ERR_INCONSISTENT_KEY_PURPOSE = 77, "the certificate is not for this purpose"
    KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED = 78, "the certificate's digest is not accepted"
    KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED = 79, "the request lacks its checksum"
    KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED = 80, "the signature's digest is not accepted"
    KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED = 81, "public-key encryption is not supported"
    KDC_ERR_PREAUTH_EXPIRED = 90, "the pre-authentication took too long", "start again"
    KDC_ERR_MORE_PREAUTH_DATA_REQUIRED = 91, "more pre-authentication is required"
    KDC_ERR_PREAUTH_BAD_AUTHENTICATION_SET = 92, "the pre-authentication set was refused"
    KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS = 93, "a critical FAST option is unknown"

    @property
    def minor(self) -> int:
        """The code as a GSS minor status."""
        return MINOR_BASE + self


_BY_CODE: Final = {int(code): code for code in KrbErrorCode}


def error_name(code: int) -> str:
    """`KDC_ERR_POLICY (12)`, or the bare number where RFC and we know no name."""
    known = _BY_CODE.get(code)
    return f"error {code}" if known is None else f"{known.name} ({code})"


def error_text(code: int) -> str:
    """What a code means; a phrase without a full stop."""
    known = _BY_CODE.get(code)
    return f"unknown error {code}" if known is None else known.text


def error_hint(code: int) -> str:
    """What to do about it, "" where there is nothing general to say."""
    known = _BY_CODE.get(code)
    return "" if known is None else known.hint
