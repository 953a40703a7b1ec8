"""RFC 4120 §3.3.2: the ticket and authenticator that a TGS-REQ comes with, and false ones."""

from __future__ import annotations

import os
from typing import Any

import pytest

from puregss.kcrypto.key import random_key
from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.messages.fields import (
    Checksum,
    EncryptionKey,
    HostAddress,
)
from puregss.krb5.messages.kdc import TGS_REQ, KdcOption, KdcReq, encode_kdc_req, encode_kdc_req_body
from puregss.krb5.messages.kdc import KdcReqBody as Body
from puregss.krb5.messages.ticket import decode_ticket, encode_ticket
from puregss.krb5.principal import Principal
from puregss.realm.state import RealmState
from puregss.realm.tickets import mint
from tests.realm.client import (
    NONCE,
    NOW,
    Held,
    Refused,
    Tamper,
    ask,
    exchange,
    refusal,
    tgs_req,
)
from tests.realm.states import ALICE, HOST, REALM, TGS, make_state

HERE = (HostAddress(2, b"\x7f\0\0\1"),)


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


def test_refuses_tickets_whose_time_has_not_come(state: RealmState, tgt: Held) -> None:
    """Not postdated, but from a KDC whose clock is ahead."""
    grant, ticket = mint(state, ALICE, TGS, state.database.tgs, NOW + 301, 600, 0)
    early = Held(tgt.reply._replace(ticket=ticket), tgt.part, grant.session_key)
    assert refusal(state, early, HOST) == Code.KRB_AP_ERR_TKT_NYV
    grant, ticket = mint(state, ALICE, TGS, state.database.tgs, NOW + 299, 600, 0)
    assert ask(state, Held(tgt.reply._replace(ticket=ticket), tgt.part, grant.session_key), HOST).server == HOST
