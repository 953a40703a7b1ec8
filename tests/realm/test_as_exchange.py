"""RFC 4120 §3.1 from the KDC's side."""

from __future__ import annotations

from typing import Any

import pytest

from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.messages.fields import DerTypedOctets, HostAddress
from puregss.krb5.messages.kdc import AS_REP, KdcOption
from puregss.krb5.messages.padata import PaData, PaDataType, decode_etype_info2, decode_method_data
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.principal import Principal, PrincipalNameType, tgs_principal
from puregss.realm.policy import HOUR
from puregss.realm.state import RealmState
from puregss.realm.trust import Neighbourhood
from puregss.wire.der import decode
from tests.realm.client import (
    NONCE,
    NOW,
    Refused,
    as_req,
    exchange,
    inside,
    log_in,
    open_reply,
    password_key,
    timestamp,
)
from tests.realm.states import ALICE, ALL, PASSWORD, REALM, make_state


def refused(state: RealmState, request: bytes, now: float = NOW) -> Refused:
    with pytest.raises(Refused) as caught:
        exchange(state, request, now)
    return caught.value


def test_asks_for_preauthentication_and_says_how(state: RealmState) -> None:
    error = refused(state, as_req(state, "alice", etype=(17, 99, 18))).error
    assert error.error_code == Code.KDC_ERR_PREAUTH_REQUIRED
    assert error.client == ALICE
    assert error.server == tgs_principal(REALM)
    assert error.stime == NOW
    methods = dict(decode_method_data(error.e_data or b""))
    assert methods[PaDataType.ENC_TIMESTAMP] == b""
    entries = decode_etype_info2(methods[PaDataType.ETYPE_INFO2])
    assert [(entry.etype, entry.salt) for entry in entries] == [(17, b"EXAMPLE.TESTalice"), (18, b"EXAMPLE.TESTalice")]


@pytest.mark.parametrize("enctype", ALL)
def test_gives_a_ticket_for_the_right_password(enctype: int) -> None:
    state = make_state(enctypes=(enctype,))
    held = log_in(state, "alice", PASSWORD, etype=(enctype,))
    assert held.reply.msg_type == AS_REP
    assert held.reply.client == ALICE
    assert held.reply.enc_part.etype == enctype
    assert held.part.nonce == NONCE
    assert held.part.server == held.server == tgs_principal(REALM)
    assert held.key.enctype == enctype
    ticket = inside(state, held)
    assert ticket.key.keyvalue == held.key.dangerous_material()
    assert ticket.client == ALICE
    assert ticket.flags == held.part.flags
    assert ticket.flags & TicketFlag.INITIAL
    assert ticket.flags & TicketFlag.PRE_AUTHENT
    assert ticket.flags & TicketFlag.ENC_PA_REP
    assert not ticket.flags & (TicketFlag.FORWARDABLE | TicketFlag.RENEWABLE | TicketFlag.INVALID)
    assert (ticket.authtime, ticket.starttime, ticket.endtime, ticket.renew_till) == (
        NOW,
        NOW,
        NOW + state.policy.max_life,
        None,
    )


def test_every_session_key_is_another(state: RealmState) -> None:
    assert len({log_in(state, "alice", PASSWORD).key for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("nobody", {}, Code.KDC_ERR_C_PRINCIPAL_UNKNOWN),
        ("krbtgt", {}, Code.KDC_ERR_C_PRINCIPAL_UNKNOWN),
        ("alice", {"client": None}, Code.KDC_ERR_C_PRINCIPAL_UNKNOWN),
        ("alice", {"client": tgs_principal(REALM)}, Code.KDC_ERR_C_PRINCIPAL_UNKNOWN),
        ("alice", {"realm": "OTHER.TEST"}, Code.KDC_ERR_C_PRINCIPAL_UNKNOWN),
        ("alice", {"server": None}, Code.KDC_ERR_S_PRINCIPAL_UNKNOWN),
        ("alice", {"server": Principal(("host", "nowhere"), REALM)}, Code.KDC_ERR_S_PRINCIPAL_UNKNOWN),
        ("alice", {"etype": (23, 99)}, Code.KDC_ERR_ETYPE_NOSUPP),
        ("alice", {"etype": ()}, Code.KDC_ERR_ETYPE_NOSUPP),
    ],
)
def test_refuses(state: RealmState, name: str, fields: dict[str, Any], code: int) -> None:
    assert refused(state, as_req(state, name, **fields)).code == code


@pytest.mark.parametrize("option", ["FORWARDED", "PROXY", "RENEW", "VALIDATE", "ENC_TKT_IN_SKEY"])
def test_refuses_options_that_need_a_ticket(state: RealmState, option: str) -> None:
    assert refused(state, as_req(state, "alice", kdc_options=KdcOption[option])).code == Code.KDC_ERR_BADOPTION


def test_refuses_a_wrong_password(state: RealmState) -> None:
    wrong = timestamp(password_key(state, "alice", "a guess"))
    error = refused(state, as_req(state, "alice", (wrong,))).error
    assert error.error_code == Code.KDC_ERR_PREAUTH_FAILED
    assert "alice@EXAMPLE.TEST" in (error.e_text or "")
    assert decode_method_data(error.e_data or b"")


@pytest.mark.parametrize("seconds", [301, -301, 10**6])
def test_refuses_a_wrong_clock(state: RealmState, seconds: int) -> None:
    stamp = timestamp(password_key(state, "alice", PASSWORD), NOW + seconds)
    refusal = refused(state, as_req(state, "alice", (stamp,)))
    assert refusal.code == Code.KRB_AP_ERR_SKEW
    assert f"{seconds:+d} seconds" in (refusal.error.e_text or "")


def test_tolerates_a_clock_a_little_off(state: RealmState) -> None:
    key = password_key(state, "alice", PASSWORD)
    exchange(state, as_req(state, "alice", (timestamp(key, NOW - 299),)))


def test_preauthentication_can_be_left_to_those_who_want_it(state: RealmState) -> None:
    state.database.get(ALICE).require_preauthentication = False
    key = password_key(state, "alice", PASSWORD)
    held = open_reply(exchange(state, as_req(state, "alice")), key, 3)
    assert not held.part.flags & TicketFlag.PRE_AUTHENT
    wrong = timestamp(password_key(state, "alice", "a guess"))
    assert refused(state, as_req(state, "alice", (wrong,))).code == Code.KDC_ERR_PREAUTH_FAILED


def test_revoked(state: RealmState) -> None:
    state.database.get(ALICE).revoked = True
    assert refused(state, as_req(state, "alice")).code == Code.KDC_ERR_CLIENT_REVOKED


def test_a_service_can_be_asked_for_directly_and_can_log_in_itself(state: RealmState) -> None:
    host = Principal(("host", "localhost"), REALM)
    held = log_in(state, "alice", PASSWORD, server=host)
    assert held.server == host
    assert inside(state, held).client == ALICE
    key = state.database.get(host).newest.keys[0]
    reply = exchange(state, as_req(state, host, (timestamp(key),)))
    assert reply.client == host
    assert reply.enc_part.kvno == 1


def test_options_times_and_addresses(state: RealmState) -> None:
    options = KdcOption.FORWARDABLE | KdcOption.PROXIABLE | KdcOption.RENEWABLE | KdcOption.ALLOW_POSTDATE
    addresses = (HostAddress(2, b"\x7f\0\0\1"),)
    held = log_in(
        state,
        "alice",
        PASSWORD,
        kdc_options=options,
        till=NOW + HOUR,
        rtime=NOW + 24 * HOUR,
        addresses=addresses,
    )
    ticket = inside(state, held)
    for flag in ("FORWARDABLE", "PROXIABLE", "RENEWABLE", "MAY_POSTDATE"):
        assert ticket.flags & TicketFlag[flag]
    assert (ticket.endtime, ticket.renew_till) == (NOW + HOUR, NOW + 24 * HOUR)
    assert held.part.caddr == ticket.caddr == addresses


def test_proves_that_the_request_arrived_as_it_was_sent(state: RealmState) -> None:
    key = password_key(state, "alice", PASSWORD)
    request = as_req(state, "alice", (timestamp(key), PaData(PaDataType.REQ_ENC_PA_REP, b"")))
    held = open_reply(exchange(state, request), key, 3)
    proof = decode(DerTypedOctets, dict(held.part.encrypted_pa_data)[PaDataType.REQ_ENC_PA_REP])
    assert proof.kind == key.checksum_type
    key.verify_checksum(56, request, proof.octets)


def test_enterprise_names_and_aliases(state: RealmState) -> None:
    """RFC 6806 §5, §6."""
    state.database.add_alias(Principal(("al",), REALM), state.database.get(ALICE))
    key = password_key(state, "alice", PASSWORD)
    for name, canonicalize, expected in (
        (Principal(("alice@EXAMPLE.TEST",), REALM, PrincipalNameType.ENTERPRISE), True, ALICE),
        (Principal(("alice",), REALM, PrincipalNameType.ENTERPRISE), True, ALICE),
        (Principal(("al",), REALM), True, ALICE),
        (Principal(("al",), REALM), False, Principal(("al",), REALM)),
    ):
        options = KdcOption.CANONICALIZE if canonicalize else 0
        held = open_reply(exchange(state, as_req(state, name, (timestamp(key),), kdc_options=options)), key, 3)
        assert held.reply.client == inside(state, held).client == expected


def test_nobody_is_renamed_unasked_or_in_another_realms_name(state: RealmState) -> None:
    """An enterprise name needs `canonicalize`, and a request in another realm's name is not for this KDC.

    Else one of our users would get a ticket that says another realm vouched for them.
    """
    key = password_key(state, "alice", PASSWORD)
    name = Principal(("alice@EXAMPLE.TEST",), REALM, PrincipalNameType.ENTERPRISE)
    assert refused(state, as_req(state, name, (timestamp(key),))).code == Code.KDC_ERR_C_PRINCIPAL_UNKNOWN
    shared = tgs_principal(REALM, "OTHER.TEST")
    state.database.add_shared(shared, state.database.tgs.newest.keys)
    options = KdcOption.CANONICALIZE
    request = as_req(state, name, (timestamp(key),), realm="OTHER.TEST", server=shared, kdc_options=options)
    assert refused(state, request).code == Code.KDC_ERR_C_PRINCIPAL_UNKNOWN


def test_sends_clients_of_a_known_realm_there(state: RealmState) -> None:
    """RFC 6806 §7."""
    state.neighbourhood.neighbours["OTHER.TEST"] = Neighbourhood("OTHER.TEST")
    name = Principal(("bob@OTHER.TEST",), REALM, PrincipalNameType.ENTERPRISE)
    error = refused(state, as_req(state, name, kdc_options=KdcOption.CANONICALIZE)).error
    assert error.error_code == Code.KDC_ERR_WRONG_REALM
    assert error.client is not None
    assert error.client.realm == "OTHER.TEST"
    name = Principal(("bob@UNKNOWN.TEST",), REALM, PrincipalNameType.ENTERPRISE)
    request = as_req(state, name, kdc_options=KdcOption.CANONICALIZE)
    assert refused(state, request).code == Code.KDC_ERR_C_PRINCIPAL_UNKNOWN


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_client", "wrong_server", "wrong_key"])
def test_lies(state: RealmState, fault: str) -> None:
    key = password_key(state, "alice", PASSWORD)
    with state.faults.during(**{fault: True}):
        reply = exchange(state, as_req(state, "alice", (timestamp(key),)))
    if fault == "wrong_key":
        with pytest.raises(Exception, match="integrity"):
            open_reply(reply, key, 3)
        return
    held = open_reply(reply, key, 3)
    assert (held.part.nonce != NONCE) == (fault == "wrong_nonce")
    assert (held.reply.client != ALICE) == (fault == "wrong_client")
    assert (held.part.server != tgs_principal(REALM)) == (fault == "wrong_server")


def test_other_faults(state: RealmState) -> None:
    key = password_key(state, "alice", PASSWORD)
    state.faults.reject_preauthentication = True
    assert refused(state, as_req(state, "alice", (timestamp(key),))).code == Code.KDC_ERR_PREAUTH_FAILED
    state.faults.error_code = Code.KDC_ERR_SVC_UNAVAILABLE
    assert refused(state, as_req(state, "alice")).code == Code.KDC_ERR_SVC_UNAVAILABLE
    state.faults.clear()
    state.faults.ticket_expired = True
    held = log_in(state, "alice", PASSWORD)
    assert held.part.endtime < NOW - 300
    assert held.part.start < held.part.endtime
