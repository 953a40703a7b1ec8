"""RFC 4120 §3.1.5, §3.3.4: what the AS and TGS exchanges of a client have in common. No I/O: a driver asks the KDC."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from puregss.base.errors import ExpiredCredentialsError, GSSError, InvalidTokenError, MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.base.ports import Entropy
from puregss.kcrypto.enctypes import SUPPORTED, enctype_name
from puregss.kcrypto.key import Key
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.messages.error import KrbError, KrbErrorCode, decode_krb_error, is_krb_error
from puregss.krb5.messages.kdc import EncKdcRepPart, KdcOption, KdcRep, KdcReqBody, decode_kdc_rep
from puregss.krb5.messages.ticket import decode_ticket
from puregss.krb5.principal import Principal

Exchange = Generator[KdcRequest, bytes, CachedTicket]
"""Yields requests to KDCs, is sent their answers, returns the ticket. Raises GSSError."""

KDCREP_MODIFIED: Final = -1765328237
"""The minor status by which MIT's library calls an answer that does not fit its request."""


@dataclass(frozen=True, slots=True)
class TicketOptions:
    """What a ticket is wanted to be. Lifetimes in seconds, `renew_lifetime` None: not renewable; KDCs may give less."""

    forwardable: bool = False
    proxiable: bool = False
    lifetime: int = 24 * 3600
    renew_lifetime: int | None = None
    canonicalize: bool = False
    enctypes: tuple[int, ...] = SUPPORTED

    @property
    def kdc_options(self) -> int:
        """The bits of KDC-OPTIONS that say so."""
        return (
            KdcOption.FORWARDABLE * self.forwardable
            | KdcOption.PROXIABLE * self.proxiable
            | KdcOption.RENEWABLE * (self.renew_lifetime is not None)
            | KdcOption.CANONICALIZE * self.canonicalize
        )


def fresh_nonce(entropy: Entropy) -> int:
    """31 bits: some KDCs take the nonce for a signed number."""
    return int.from_bytes(entropy(4)) & 0x7FFFFFFF


_CLASSES: Final[dict[int, type[GSSError]]] = {
    KrbErrorCode.KDC_ERR_NAME_EXP: ExpiredCredentialsError,
    KrbErrorCode.KDC_ERR_KEY_EXPIRED: ExpiredCredentialsError,
    KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED: ExpiredCredentialsError,
    KrbErrorCode.KDC_ERR_C_PRINCIPAL_UNKNOWN: MissingCredentialsError,
    KrbErrorCode.KDC_ERR_PREAUTH_FAILED: MissingCredentialsError,
    KrbErrorCode.KDC_ERR_CLIENT_REVOKED: MissingCredentialsError,
}


def refusal(realm: str, error: KrbError, asked: str) -> GSSError:
    """The exception for a KRB-ERROR of a KDC of `realm` that was asked for `asked`."""
    kind = _CLASSES.get(error.error_code, GSSError)
    return kind(f"the KDC of realm {realm} refuses {asked}: {error.describe()}", minor=error.minor)


def decode_answer(realm: str, data: bytes) -> KdcRep | KrbError:
    """What a KDC of `realm` answered. GSSError if it is no message of Kerberos."""
    try:
        return decode_krb_error(data) if is_krb_error(data) else decode_kdc_rep(data)
    except InvalidTokenError as error:
        raise GSSError(
            f"the KDC of realm {realm} answers what is no Kerberos message ({error.message}): "
            "check in krb5.conf that host and port are a KDC's"
        ) from None


def altered(realm: str, what: str) -> GSSError:
    """An answer that does not belong to the request: a confused KDC, or somebody between us and it."""
    return GSSError(
        f"the answer of the KDC of realm {realm} does not belong to the request ({what}); "
        "it was not used: somebody may be tampering with the network",
        minor=KDCREP_MODIFIED,
    )


def check_reply(realm: str, reply: KdcRep, part: EncKdcRepPart, body: KdcReqBody) -> None:
    """RFC 4120 §3.1.5: nonce, ticket, times and enctype fit the request. Names are the caller's to check."""
    if part.nonce != body.nonce:
        raise altered(realm, "the nonce differs")
    if decode_ticket(reply.ticket).server != part.server:
        raise altered(realm, "the ticket is for another server than its description")
    if body.till and part.endtime > body.till:
        raise altered(realm, "the ticket lives longer than asked")
    if body.rtime and part.renew_till and part.renew_till > body.rtime:
        raise altered(realm, "the ticket can be renewed for longer than asked")
    if part.key.keytype not in body.etype:
        raise altered(realm, f"the session key is of {enctype_name(part.key.keytype)}, which was not asked for")


def to_cached_ticket(client: Principal, reply: KdcRep, part: EncKdcRepPart) -> CachedTicket:
    """The ticket as it is kept."""
    return CachedTicket(
        client=client,
        server=part.server,
        session_key=Key(part.key.keytype, part.key.keyvalue),
        authtime=part.authtime,
        starttime=part.start,
        endtime=part.endtime,
        renew_till=part.renew_till or 0,
        flags=part.flags,
        ticket=reply.ticket,
        addresses=part.caddr,
    )
