"""RFC 4120 §3.3 from the KDC's side, within one realm."""

from __future__ import annotations

import os
from typing import Any

import pytest

from puregss.kcrypto.key import random_key
from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.messages.fields import (
    EncryptedData,
    EncryptionKey,
    HostAddress,
    encode_authorization_data,
)
from puregss.krb5.messages.kdc import TGS_REP, KdcOption
from puregss.krb5.messages.ticket import TicketFlag, decode_enc_ticket_part, decode_ticket
from puregss.krb5.principal import Principal
from puregss.realm.state import RealmState
from tests.realm.client import (
    NONCE,
    NOW,
    Held,
    Tamper,
    ask,
    exchange,
    inside,
    log_in,
    open_reply,
    refusal,
    tgs_req,
)
from tests.realm.states import ALICE, ALL, HOST, PASSWORD, REALM, TGS, make_state

HERE = (HostAddress(2, b"\x7f\0\0\1"),)


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
