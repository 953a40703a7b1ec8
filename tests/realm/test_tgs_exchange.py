"""RFC 4120 §3.3 from the KDC's side, within one realm."""

from __future__ import annotations

import os
from typing import Any

import pytest

from puregss.kcrypto.key import random_key
from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.messages.fields import (
    Checksum,
    EncryptedData,
    EncryptionKey,
    HostAddress,
    encode_authorization_data,
)
from puregss.krb5.messages.kdc import TGS_REP, TGS_REQ, KdcOption, KdcReq, encode_kdc_req, encode_kdc_req_body
from puregss.krb5.messages.kdc import KdcReqBody as Body
from puregss.krb5.messages.ticket import TicketFlag, decode_enc_ticket_part, decode_ticket, encode_ticket
from puregss.krb5.principal import Principal
from puregss.realm.policy import DAY, HOUR, Policy
from puregss.realm.state import RealmState
from puregss.realm.tickets import mint
from tests.realm.client import NONCE, NOW, Held, Refused, Tamper, ask, exchange, inside, log_in, open_reply, tgs_req
from tests.realm.states import ALICE, ALL, HOST, PASSWORD, REALM, TGS, make_state

EVERYTHING = KdcOption.FORWARDABLE | KdcOption.PROXIABLE | KdcOption.RENEWABLE | KdcOption.ALLOW_POSTDATE
HERE = (HostAddress(2, b"\x7f\0\0\1"),)


@pytest.fixture
def state() -> RealmState:
    return make_state()


@pytest.fixture
def tgt(state: RealmState) -> Held:
    return log_in(state, "alice", PASSWORD)


@pytest.fixture
def able(state: RealmState) -> Held:
    """A TGT that may do everything."""
    return log_in(state, "alice", PASSWORD, kdc_options=EVERYTHING, till=NOW + 8 * HOUR, rtime=NOW + 3 * DAY)


def refusal(
    state: RealmState, held: Held, server: Principal | None, now: int = NOW, tamper: Tamper | None = None, **fields: Any
) -> int:
    with pytest.raises(Refused) as caught:
        ask(state, held, server, now, tamper, **fields)
    return caught.value.code


@pytest.mark.parametrize("subkey", [True, False])
@pytest.mark.parametrize("enctype", ALL)
def test_gives_a_ticket_for_a_service(enctype: int, subkey: bool) -> None:
    state = make_state(enctypes=(enctype,))
    tgt = log_in(state, "alice", PASSWORD, etype=(enctype,))
    held = ask(state, tgt, HOST, NOW + 60, Tamper(subkey=subkey), etype=(enctype,))
    assert held.reply.msg_type == TGS_REP
    assert held.reply.client == ALICE
    assert held.part.nonce == NONCE
    assert held.part.server == held.server == HOST
    assert held.key.enctype == enctype
    ticket = inside(state, held)
    assert ticket.key.keyvalue == held.key.dangerous_material()
    assert ticket.client == ALICE
    assert (ticket.authtime, ticket.starttime, ticket.endtime) == (NOW, NOW + 60, tgt.part.endtime)
    assert not ticket.flags & TicketFlag.INITIAL
    assert ticket.flags & TicketFlag.PRE_AUTHENT
    assert ticket.flags & TicketFlag.TRANSITED_POLICY_CHECKED
    assert ticket.flags & TicketFlag.ENC_PA_REP
    assert ticket.transited.contents == b""


def test_the_session_key_is_of_a_kind_both_can_handle(state: RealmState, tgt: Held) -> None:
    single = Principal(("single", "localhost"), REALM)
    state.database.add(single, enctypes=(19,))
    assert ask(state, tgt, single, etype=(18, 19)).key.enctype == 19
    assert refusal(state, tgt, single, etype=(18, 20)) == Code.KDC_ERR_ETYPE_NOSUPP


def test_a_rotated_key(state: RealmState, tgt: Held) -> None:
    old = state.database.get(HOST).newest.keys[0]
    assert state.database.rotate(HOST) == 2
    state.database.rotate(TGS)  # the TGT is of the old version, and still good
    held = ask(state, tgt, HOST)
    assert decode_ticket(held.ticket).enc_part.kvno == 2
    with pytest.raises(Exception, match="integrity"):
        old.decrypt(2, decode_ticket(held.ticket).enc_part.cipher)


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (Principal(("host", "nowhere"), REALM), Code.KDC_ERR_S_PRINCIPAL_UNKNOWN),
        (Principal(("host", "localhost"), "OTHER.TEST"), Code.KDC_ERR_S_PRINCIPAL_UNKNOWN),
        (Principal(("krbtgt", "OTHER.TEST"), REALM), Code.KDC_ERR_S_PRINCIPAL_UNKNOWN),
        (None, Code.KDC_ERR_S_PRINCIPAL_UNKNOWN),
    ],
)
@pytest.mark.parametrize("options", [0, KdcOption.CANONICALIZE])
def test_refuses_unknown_servers(
    state: RealmState, tgt: Held, server: Principal | None, code: int, options: int
) -> None:
    realm = REALM if server is None else server.realm
    assert refusal(state, tgt, server, realm=realm, kdc_options=options) == code


def test_an_alias_gets_a_ticket_in_its_own_name(state: RealmState, tgt: Held) -> None:
    """RFC 6806 §6."""
    alias = Principal(("host", "www.example.test"), REALM)
    state.database.add_alias(alias, state.database.get(HOST))
    held = ask(state, tgt, alias)
    assert held.server == held.part.server == alias
    assert inside(state, held).client == ALICE


# What ties the request to who sent it


def test_needs_a_ticket(state: RealmState) -> None:
    body = Body(0, None, REALM, HOST, 0, NONCE, (18,))
    with pytest.raises(Refused) as caught:
        exchange(state, encode_kdc_req(KdcReq(TGS_REQ, (), encode_kdc_req_body(body))))
    assert caught.value.code == Code.KDC_ERR_PADATA_TYPE_NOSUPP


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (Tamper(authenticator={"client": Principal(("bob",), REALM)}), Code.KRB_AP_ERR_BADMATCH),
        (Tamper(authenticator={"client": Principal(("alice",), "OTHER.TEST")}), Code.KRB_AP_ERR_BADMATCH),
        (Tamper(authenticator={"ctime": NOW + 301}), Code.KRB_AP_ERR_SKEW),
        (Tamper(authenticator={"ctime": NOW - 301}), Code.KRB_AP_ERR_SKEW),
        (Tamper(authenticator={"subkey": EncryptionKey(23, bytes(16))}), Code.KDC_ERR_ETYPE_NOSUPP),
        (Tamper(authenticator={"subkey": EncryptionKey(18, bytes(5))}), Code.KRB_ERR_GENERIC),
        (Tamper(cksum=None), Code.KRB_AP_ERR_INAPP_CKSUM),
        (Tamper(cksum=Checksum(7, bytes(16))), Code.KRB_AP_ERR_INAPP_CKSUM),
        (Tamper(cksum=Checksum(16, bytes(12))), Code.KRB_AP_ERR_MODIFIED),
        (Tamper(cksum=Checksum(16, b"")), Code.KRB_AP_ERR_MODIFIED),
        (Tamper(key=random_key(18, os.urandom)), Code.KRB_AP_ERR_BAD_INTEGRITY),
        (Tamper(key=random_key(17, os.urandom)), Code.KRB_AP_ERR_BAD_INTEGRITY),
    ],
)
def test_refuses_a_false_authenticator(state: RealmState, tgt: Held, tamper: Tamper, code: int) -> None:
    assert refusal(state, tgt, HOST, tamper=tamper) == code


def test_refuses_a_changed_body(state: RealmState, tgt: Held) -> None:
    """A checksum of another body: who could change the body could turn any ticket into any other."""
    other = tgs_req(state, tgt, HOST)[0]
    request = tgs_req(state, tgt, TGS)[0]
    assert len(other) != len(request)
    stolen = Checksum(tgt.key.checksum_type, tgt.key.checksum(6, b"another body"))
    assert refusal(state, tgt, HOST, tamper=Tamper(cksum=stolen)) == Code.KRB_AP_ERR_MODIFIED


def test_refuses_tickets_for_others(state: RealmState, tgt: Held) -> None:
    """A service ticket proves nothing to the TGS: the service could have made it up."""
    service = ask(state, tgt, HOST)
    assert refusal(state, service, HOST) == Code.KRB_AP_ERR_NOT_US
    assert refusal(state, service, TGS, kdc_options=KdcOption.PROXY) == Code.KRB_AP_ERR_NOT_US
    forged = tgt._replace(reply=tgt.reply._replace(ticket=service.ticket))
    assert refusal(state, forged, TGS) == Code.KRB_AP_ERR_NOT_US


def test_refuses_keys_it_never_had(state: RealmState, tgt: Held) -> None:
    ticket = decode_ticket(tgt.ticket)
    from_nowhere = make_state()
    assert refusal(from_nowhere, tgt, HOST) == Code.KRB_AP_ERR_BAD_INTEGRITY
    for enc_part, code in (
        (ticket.enc_part._replace(kvno=2), Code.KRB_AP_ERR_BADKEYVER),
        (ticket.enc_part._replace(etype=23), Code.KRB_AP_ERR_BADKEYVER),
        (ticket.enc_part._replace(etype=17), Code.KRB_AP_ERR_BAD_INTEGRITY),
    ):
        assert refusal(state, _with_ticket(tgt, ticket._replace(enc_part=enc_part)), HOST) == code
    unnumbered = _with_ticket(tgt, ticket._replace(enc_part=ticket.enc_part._replace(kvno=None)))
    assert ask(state, unnumbered, HOST).server == HOST


def _with_ticket(held: Held, ticket: Any) -> Held:
    return held._replace(reply=held.reply._replace(ticket=encode_ticket(ticket)))


def test_refuses_expired_tickets(state: RealmState, tgt: Held) -> None:
    assert refusal(state, tgt, HOST, tgt.part.endtime) == Code.KRB_AP_ERR_TKT_EXPIRED
    assert ask(state, tgt, HOST, tgt.part.endtime - 1).part.endtime == tgt.part.endtime


# Times and flags


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


def test_a_postdated_tgt_is_of_no_use_before_it_is_validated(state: RealmState) -> None:
    start = NOW + HOUR
    held = log_in(state, "alice", PASSWORD, kdc_options=KdcOption.POSTDATED, from_=start)
    assert refusal(state, held, HOST) == Code.KRB_AP_ERR_TKT_NYV
    assert refusal(state, held, HOST, start) == Code.KRB_AP_ERR_TKT_NYV
    valid = ask(state, held, TGS, start, kdc_options=KdcOption.VALIDATE)
    assert ask(state, valid, HOST, start).server == HOST


# Authorization data and user-to-user


@pytest.mark.parametrize("subkey", [True, False])
def test_authorization_data_is_added_and_kept(state: RealmState, tgt: Held, subkey: bool) -> None:
    first, second = ((512, b"first"),), ((512, b"second"),)
    tgt = _restricted(state, tgt, TGS, first, subkey)
    held = _restricted(state, tgt, HOST, second, subkey)
    assert inside(state, held).authorization_data == first + second


def _restricted(state: RealmState, held: Held, server: Principal, data: Any, subkey: bool) -> Held:
    """RFC 4120 §3.3.1: authorization data is sealed in the subkey if there is one."""
    new = random_key(18, os.urandom) if subkey else None
    sealed = (new or held.key).encrypt(5 if new else 4, encode_authorization_data(data), os.urandom)
    tamper = Tamper(subkey=False)
    if new is not None:
        tamper.authenticator = {"subkey": EncryptionKey(18, new.dangerous_material())}
    request, _, _ = tgs_req(state, held, server, NOW, tamper, enc_authorization_data=EncryptedData(18, None, sealed))
    return open_reply(exchange(state, request), new or held.key, 9 if new else 8)


def test_user_to_user(state: RealmState, tgt: Held) -> None:
    """RFC 4120 §3.7."""
    bob = Principal(("bob",), REALM)
    state.database.add(bob, "bob's password")
    theirs = log_in(state, "bob", "bob's password")
    for server in (bob, None):
        held = ask(state, tgt, server, kdc_options=KdcOption.ENC_TKT_IN_SKEY, additional_tickets=(theirs.ticket,))
        ticket = decode_ticket(held.ticket)
        assert ticket.server == bob
        assert decode_enc_ticket_part(theirs.key.decrypt(2, ticket.enc_part.cipher)).client == ALICE
    options = KdcOption.ENC_TKT_IN_SKEY
    assert refusal(state, tgt, bob, kdc_options=options) == Code.KDC_ERR_BADOPTION
    assert refusal(state, tgt, HOST, kdc_options=options, additional_tickets=(theirs.ticket,)) == (
        Code.KDC_ERR_SERVER_NOMATCH
    )
    service = ask(state, theirs, HOST)
    assert refusal(state, tgt, bob, kdc_options=options, additional_tickets=(service.ticket,)) == Code.KDC_ERR_POLICY
    late = theirs.part.endtime
    fresh = log_in(state, "alice", PASSWORD, late)
    assert refusal(state, fresh, bob, late, kdc_options=options, additional_tickets=(theirs.ticket,)) == (
        Code.KRB_AP_ERR_TKT_EXPIRED
    )


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_client", "wrong_server"])
def test_lies(state: RealmState, tgt: Held, fault: str) -> None:
    with state.faults.during(**{fault: True}):
        held = ask(state, tgt, HOST)
    assert (held.part.nonce != NONCE) == (fault == "wrong_nonce")
    assert (held.reply.client != ALICE) == (fault == "wrong_client")
    assert (held.part.server != HOST) == (fault == "wrong_server")
