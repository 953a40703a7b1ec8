"""RFC 4120 §3.1.3, §3.3.3, §2: which flags and times a ticket gets. Arithmetic alone: no keys, no messages."""

from __future__ import annotations

from dataclasses import dataclass

from puregss.krb5.messages.error import KrbErrorCode
from puregss.krb5.messages.kdc import KdcOption, KdcReqBody
from puregss.krb5.messages.ticket import EncTicketPart, TicketFlag
from puregss.realm.refusal import Refusal

HOUR = 3600
DAY = 24 * HOUR
FOREVER = 0x7FFFFFFF
_INHERITED = TicketFlag.PRE_AUTHENT | TicketFlag.HW_AUTHENT | TicketFlag.ANONYMOUS | TicketFlag.FORWARDED
_GRANTABLE = TicketFlag.FORWARDABLE | TicketFlag.PROXIABLE | TicketFlag.MAY_POSTDATE
"""On request; the options and the flags of these names are the same bits (RFC 4120 §5.3, §5.4.1)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the realm allows. Times in seconds; `allowed_flags` are bits of `TicketFlag` that may be granted."""

    max_life: int = 10 * HOUR
    max_renewable_life: int = 7 * DAY
    clock_skew: int = 300
    allowed_flags: int = _GRANTABLE | TicketFlag.RENEWABLE


@dataclass(frozen=True, slots=True)
class Terms:
    """What a new ticket is good for. Times are seconds since 1970."""

    flags: int
    authtime: int
    starttime: int
    endtime: int
    renew_till: int | None = None


def initial_terms(policy: Policy, body: KdcReqBody, now: int) -> Terms:
    """Of a ticket from the AS. Refusal if the request asks for what cannot be."""
    if body.kdc_options & (
        KdcOption.FORWARDED | KdcOption.PROXY | KdcOption.RENEW | KdcOption.VALIDATE | KdcOption.ENC_TKT_IN_SKEY
    ):
        raise Refusal(KrbErrorCode.KDC_ERR_BADOPTION, "the option needs a ticket, which an AS-REQ has none of")
    flags = body.kdc_options & _GRANTABLE & policy.allowed_flags
    start, postdating = _starttime(policy, body, policy.allowed_flags, now)
    end = min(_time(body.till), start + policy.max_life)
    if end <= start:
        raise Refusal(KrbErrorCode.KDC_ERR_NEVER_VALID, "the ticket would end before it starts")
    renew_till = _renew_till(policy, body, policy.allowed_flags, start, end, FOREVER)
    flags |= postdating | TicketFlag.INITIAL
    if renew_till:
        flags |= TicketFlag.RENEWABLE
    return Terms(flags, now, start, end, renew_till)


def derived_terms(policy: Policy, body: KdcReqBody, ticket: EncTicketPart, now: int, *, for_tgs: bool) -> Terms:
    """Of a ticket from the TGS, derived from the one that was presented."""
    if body.kdc_options & KdcOption.VALIDATE:
        return _validated(ticket, now)
    if ticket.flags & TicketFlag.INVALID:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_TKT_NYV, "the ticket is postdated and has not been validated")
    if body.kdc_options & KdcOption.RENEW:
        return _renewed(policy, ticket, now)
    flags = body.kdc_options & _GRANTABLE & ticket.flags & policy.allowed_flags | ticket.flags & _INHERITED
    flags |= _passed_on(body.kdc_options, ticket.flags, for_tgs=for_tgs)
    start, postdating = _starttime(policy, body, ticket.flags, now)
    limit = ticket.endtime
    if postdating:  # a postdated ticket may outlast the TGT, but not the time that may be renewed to
        limit = max(limit, ticket.renew_till or 0)
    end = min(_time(body.till), limit, start + policy.max_life)
    if end <= start:
        raise Refusal(KrbErrorCode.KDC_ERR_NEVER_VALID, "the ticket would end before it starts")
    allowed = ticket.flags & policy.allowed_flags
    renew_till = _renew_till(policy, body, allowed, start, end, ticket.renew_till or 0)
    if renew_till:
        flags |= TicketFlag.RENEWABLE
    return Terms(flags | postdating, ticket.authtime, start, end, renew_till)


def _passed_on(options: int, held: int, *, for_tgs: bool) -> int:
    """RFC 4120 §2.5, §2.6: FORWARDED and PROXY, for those who may."""
    flags = 0
    if options & KdcOption.FORWARDED:
        if not held & TicketFlag.FORWARDABLE:
            raise Refusal(KrbErrorCode.KDC_ERR_BADOPTION, "the ticket is not forwardable")
        flags |= TicketFlag.FORWARDED
    if options & KdcOption.PROXY:
        if not held & TicketFlag.PROXIABLE or for_tgs:
            raise Refusal(KrbErrorCode.KDC_ERR_BADOPTION, "the ticket is not proxiable, or a TGT was asked for")
        flags |= TicketFlag.PROXY
    return flags


def _validated(ticket: EncTicketPart, now: int) -> Terms:
    if not ticket.flags & TicketFlag.INVALID:
        raise Refusal(KrbErrorCode.KDC_ERR_BADOPTION, "the ticket is valid already")
    if ticket.start > now:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_TKT_NYV, "the ticket's time has not come")
    return Terms(ticket.flags & ~TicketFlag.INVALID, ticket.authtime, ticket.start, ticket.endtime, ticket.renew_till)


def _renewed(policy: Policy, ticket: EncTicketPart, now: int) -> Terms:
    renew_till = ticket.renew_till
    if not ticket.flags & TicketFlag.RENEWABLE or renew_till is None:
        raise Refusal(KrbErrorCode.KDC_ERR_BADOPTION, "the ticket is not renewable")
    if renew_till <= now:
        raise Refusal(KrbErrorCode.KRB_AP_ERR_TKT_EXPIRED, "the time in which the ticket may be renewed is over")
    end = min(renew_till, now + ticket.endtime - ticket.start)
    return Terms(ticket.flags & ~TicketFlag.INITIAL, ticket.authtime, now, end, renew_till)


def _starttime(policy: Policy, body: KdcReqBody, held: int, now: int) -> tuple[int, int]:
    """When the ticket starts, and the flags of a postdated one."""
    wanted = body.from_
    if not body.kdc_options & KdcOption.POSTDATED:
        if wanted is not None and wanted > now + policy.clock_skew:
            raise Refusal(KrbErrorCode.KDC_ERR_CANNOT_POSTDATE, "a later start was asked for without POSTDATED")
        return now, 0
    if wanted is None or not held & policy.allowed_flags & TicketFlag.MAY_POSTDATE:
        raise Refusal(KrbErrorCode.KDC_ERR_CANNOT_POSTDATE, "postdating is not allowed here, or no start was named")
    return max(wanted, now), TicketFlag.POSTDATED | TicketFlag.INVALID


def _renew_till(policy: Policy, body: KdcReqBody, held: int, start: int, end: int, limit: int) -> int | None:
    """When the last renewal ends; None for a ticket that cannot be renewed, or need not be."""
    if not held & TicketFlag.RENEWABLE:
        return None
    if body.kdc_options & KdcOption.RENEWABLE:
        wanted = _time(body.rtime)
    elif body.kdc_options & KdcOption.RENEWABLE_OK:
        wanted = _time(body.till)
    else:
        return None
    renew_till = min(wanted, start + policy.max_renewable_life, limit)
    return renew_till if renew_till > end else None


def _time(wanted: int | None) -> int:
    """RFC 4120 §5.4.1: the beginning of 1970 asks for as much as can be had."""
    return wanted or FOREVER
