"""RFC 4120 §3.2.3: the checks of a ticket and its authenticator, once both are opened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import (
    ExpiredCredentialsError,
    ExpiredTokenError,
    GSSError,
    InvalidTokenError,
    UnauthorizedError,
)
from puregss.krb5.messages.ap_req import Authenticator
from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.ticket import EncTicketPart, TicketFlag

_INVALID: Final = TicketFlag.INVALID.value
_INTERNET: Final = frozenset((2, 24))
"""IPv4 and IPv6: the address types that RFC 2744 and RFC 4120 number alike."""


def check_times(part: EncTicketPart, now: float, skew: int) -> None:
    """The ticket has begun, has not ended, and is not marked invalid; clocks may differ by `skew` seconds."""
    start = part.start
    if start > now + skew:
        raise GSSError(
            f"the ticket of {part.client} begins at {_when(start)}, and here it is {_when(now)}: "
            "set the clocks of KDC and acceptor (NTP)",
            minor=KrbErrorCode.KRB_AP_ERR_TKT_NYV.minor,
        )
    if part.flags & _INVALID:
        raise GSSError(
            f"the ticket of {part.client} is postdated and was never validated; let the client validate it (kinit -v)",
            minor=KrbErrorCode.KRB_AP_ERR_TKT_NYV.minor,
        )
    if part.endtime + skew < now:
        raise ExpiredCredentialsError(
            f"the ticket of {part.client} ended at {_when(part.endtime)}, and here it is {_when(now)}: "
            "let the client get a new one (kinit), or set this machine's clock (NTP)",
            minor=KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED.minor,
        )


def check_authenticator(authenticator: Authenticator, part: EncTicketPart, now: float, skew: int) -> None:
    """The authenticator is the ticket's client's, and of now, give or take `skew` seconds.

    One that is older is too old to be looked up among those seen before (RFC 2743 §2.2.2): OLD_TOKEN.
    """
    # The same few names come as the same objects, for which no strings need to be compared.
    if authenticator.client is not part.client and authenticator.client != part.client:
        raise InvalidTokenError(
            f"the ticket is {part.client}'s and the authenticator says {authenticator.client}",
            minor=KrbErrorCode.KRB_AP_ERR_BADMATCH.minor,
        )
    if not 0 <= authenticator.cusec <= 999_999:
        raise InvalidTokenError(f"the authenticator's microseconds are {authenticator.cusec}")
    apart = abs(authenticator.ctime - now)
    if apart > skew:
        kind = ExpiredTokenError if authenticator.ctime < now else GSSError
        raise kind(
            f"the clock of {part.client} says {_when(authenticator.ctime)} and this machine's {_when(now)}: "
            f"{int(apart)} seconds apart, where {skew} are allowed. Set both clocks (NTP)",
            minor=KrbErrorCode.KRB_AP_ERR_SKEW.minor,
        )


def check_address(part: EncTicketPart, bindings: ChannelBindings | None) -> None:
    """A ticket bound to addresses comes from one of them, where the bindings say from where it came."""
    if not part.caddr or bindings is None or bindings.initiator_address_type not in _INTERNET:
        return
    peer = (bindings.initiator_address_type, bindings.initiator_address)
    if peer not in part.caddr:
        raise UnauthorizedError(
            f"the ticket of {part.client} is bound to other network addresses than the one it came from; "
            "let the client get one without addresses (kinit -A)",
            minor=KrbErrorCode.KRB_AP_ERR_BADADDR.minor,
        )


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M:%S} UTC"
