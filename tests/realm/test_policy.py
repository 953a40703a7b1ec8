"""RFC 4120 §2, §3.1.3, §3.3.3: times and flags of tickets."""

from __future__ import annotations

from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.messages.fields import (
    HostAddress,
)
from puregss.krb5.messages.kdc import KdcOption
from puregss.krb5.messages.ticket import TicketFlag
from puregss.realm.policy import DAY, HOUR, Policy
from puregss.realm.state import RealmState
from puregss.realm.tickets import mint
from tests.realm.client import (
    NOW,
    Held,
    ask,
    inside,
    log_in,
    refusal,
)
from tests.realm.states import ALICE, EVERYTHING, HOST, PASSWORD, TGS, make_state

HERE = (HostAddress(2, b"\x7f\0\0\1"),)


def test_asks_for_less_and_gets_it(state: RealmState, able: Held) -> None:
    held = ask(state, able, HOST, till=NOW + HOUR)
    assert held.part.endtime == NOW + HOUR
    assert not held.part.flags & EVERYTHING
    assert refusal(state, able, HOST, till=NOW) == Code.KDC_ERR_NEVER_VALID


def test_asks_for_more_than_the_tgt_is_good_for(state: RealmState, tgt: Held, able: Held) -> None:
    assert not ask(state, tgt, HOST, kdc_options=EVERYTHING).part.flags & EVERYTHING
    held = ask(state, able, HOST, kdc_options=EVERYTHING, rtime=NOW + 30 * DAY)
    assert held.part.flags & EVERYTHING == EVERYTHING
    assert (held.part.endtime, held.part.renew_till) == (able.part.endtime, able.part.renew_till)


def test_policy_limits(state: RealmState) -> None:
    strict = make_state(policy=Policy(max_life=HOUR, max_renewable_life=DAY, allowed_flags=TicketFlag.RENEWABLE))
    held = log_in(strict, "alice", PASSWORD, kdc_options=EVERYTHING, rtime=0)
    assert held.part.flags & EVERYTHING == TicketFlag.RENEWABLE
    assert (held.part.endtime, held.part.renew_till) == (NOW + HOUR, NOW + DAY)


def test_renewable_ok(state: RealmState) -> None:
    held = log_in(state, "alice", PASSWORD, kdc_options=KdcOption.RENEWABLE_OK, till=NOW + 2 * DAY)
    assert (held.part.endtime, held.part.renew_till) == (NOW + state.policy.max_life, NOW + 2 * DAY)
    held = log_in(state, "alice", PASSWORD, kdc_options=KdcOption.RENEWABLE_OK, till=NOW + HOUR)
    assert held.part.renew_till is None
    assert not held.part.flags & TicketFlag.RENEWABLE


def test_forwarding(state: RealmState, tgt: Held, able: Held) -> None:
    options = KdcOption.FORWARDED | KdcOption.FORWARDABLE
    held = ask(state, able, TGS, kdc_options=options, addresses=HERE)
    assert held.part.flags & TicketFlag.FORWARDED
    assert held.part.flags & TicketFlag.FORWARDABLE
    assert inside(state, held).caddr == held.part.caddr == HERE
    service = ask(state, held, HOST)
    assert service.part.flags & TicketFlag.FORWARDED
    assert inside(state, service).caddr == HERE
    assert refusal(state, tgt, TGS, kdc_options=options) == Code.KDC_ERR_BADOPTION


def test_proxies(state: RealmState, tgt: Held, able: Held) -> None:
    held = ask(state, able, HOST, kdc_options=KdcOption.PROXY, addresses=HERE)
    assert held.part.flags & TicketFlag.PROXY
    assert inside(state, held).caddr == HERE
    assert refusal(state, able, TGS, kdc_options=KdcOption.PROXY) == Code.KDC_ERR_BADOPTION
    assert refusal(state, tgt, HOST, kdc_options=KdcOption.PROXY) == Code.KDC_ERR_BADOPTION


def test_addresses_come_from_the_tgt_unless_it_is_handed_on(state: RealmState) -> None:
    tgt = log_in(state, "alice", PASSWORD, addresses=HERE)
    assert inside(state, ask(state, tgt, HOST, addresses=(HostAddress(2, b"\x08\x08\x08\x08"),))).caddr == HERE


def test_renewing(state: RealmState, tgt: Held, able: Held) -> None:
    later = NOW + 7 * HOUR
    held = ask(state, able, TGS, later, kdc_options=KdcOption.RENEW)
    assert (held.part.authtime, held.part.starttime, held.part.endtime) == (NOW, later, later + 8 * HOUR)
    assert held.part.renew_till == able.part.renew_till
    assert held.part.flags & EVERYTHING == EVERYTHING
    assert not held.part.flags & TicketFlag.INITIAL
    assert held.key != able.key
    assert refusal(state, tgt, TGS, kdc_options=KdcOption.RENEW) == Code.KDC_ERR_BADOPTION
    assert refusal(state, able, HOST, kdc_options=KdcOption.RENEW) == Code.KDC_ERR_SERVER_NOMATCH


def test_renewing_ends(state: RealmState, able: Held) -> None:
    held, now = able, NOW
    while held.part.endtime < (able.part.renew_till or 0):
        now = held.part.endtime - 1
        held = ask(state, held, TGS, now, kdc_options=KdcOption.RENEW)
    assert held.part.endtime == able.part.renew_till
    end = held.part.endtime
    assert refusal(state, held, TGS, end, kdc_options=KdcOption.RENEW) == Code.KRB_AP_ERR_TKT_EXPIRED


def test_renewing_too_late(state: RealmState, able: Held) -> None:
    """A ticket that lives longer than it may be renewed, which only an odd KDC issues."""
    entry = state.database.tgs
    grant, ticket = mint(state, ALICE, TGS, entry, NOW, 9 * DAY, TicketFlag.RENEWABLE)
    held = Held(able.reply._replace(ticket=ticket), able.part, grant.session_key)
    assert refusal(state, held, TGS, NOW + 8 * DAY, kdc_options=KdcOption.RENEW) == Code.KRB_AP_ERR_TKT_EXPIRED


def test_renewing_a_service_ticket_with_itself(state: RealmState, able: Held) -> None:
    service = ask(state, able, HOST, kdc_options=KdcOption.RENEWABLE, rtime=NOW + DAY, till=NOW + HOUR)
    held = ask(state, service, HOST, NOW + 1800, kdc_options=KdcOption.RENEW)
    assert held.server == HOST
    assert held.part.endtime == NOW + 1800 + HOUR
    assert refusal(state, service, TGS, kdc_options=KdcOption.RENEW) == Code.KRB_AP_ERR_NOT_US


def test_postdating_and_validating(state: RealmState, tgt: Held, able: Held) -> None:
    start = NOW + 2 * HOUR
    held = ask(state, able, HOST, kdc_options=KdcOption.POSTDATED, from_=start, till=start + HOUR)
    assert held.part.flags & TicketFlag.INVALID
    assert held.part.flags & TicketFlag.POSTDATED
    assert (held.part.starttime, held.part.endtime) == (start, start + HOUR)
    validate = KdcOption.VALIDATE
    assert refusal(state, held, HOST, NOW, kdc_options=validate) == Code.KRB_AP_ERR_TKT_NYV
    valid = ask(state, held, HOST, start, kdc_options=validate)
    assert not valid.part.flags & TicketFlag.INVALID
    assert (valid.part.starttime, valid.part.endtime) == (start, start + HOUR)
    assert refusal(state, valid, HOST, start, kdc_options=validate) == Code.KDC_ERR_BADOPTION
    assert refusal(state, tgt, HOST, kdc_options=KdcOption.POSTDATED, from_=start) == Code.KDC_ERR_CANNOT_POSTDATE
    assert refusal(state, able, HOST, kdc_options=KdcOption.POSTDATED) == Code.KDC_ERR_CANNOT_POSTDATE
    assert refusal(state, able, HOST, from_=start) == Code.KDC_ERR_CANNOT_POSTDATE


def test_no_postdated_ticket_outlives_what_may_be_renewed(state: RealmState, able: Held) -> None:
    start = NOW + 3 * DAY - HOUR
    held = ask(state, able, HOST, kdc_options=KdcOption.POSTDATED, from_=start)
    assert (held.part.starttime, held.part.endtime) == (start, able.part.renew_till)
    after = NOW + 3 * DAY
    assert refusal(state, able, HOST, kdc_options=KdcOption.POSTDATED, from_=after) == Code.KDC_ERR_NEVER_VALID


def test_a_postdated_tgt_is_of_no_use_before_it_is_validated(state: RealmState) -> None:
    start = NOW + HOUR
    held = log_in(state, "alice", PASSWORD, kdc_options=KdcOption.POSTDATED, from_=start)
    assert refusal(state, held, HOST) == Code.KRB_AP_ERR_TKT_NYV
    assert refusal(state, held, HOST, start) == Code.KRB_AP_ERR_TKT_NYV
    valid = ask(state, held, TGS, start, kdc_options=KdcOption.VALIDATE)
    assert ask(state, valid, HOST, start).server == HOST
