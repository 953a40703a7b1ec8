"""A KDC that the client trusts for its own realm alone tries to speak for others (RFC 4120 §3.3.4, §5.3)."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from puregss.base.errors import GSSError
from puregss.base.mechanism import KdcRequest
from puregss.gss.driver import run
from puregss.kcrypto.key import Key, random_key
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import KDCREP_MODIFIED
from puregss.krb5.kdc_exchange_tgs import (
    AUTHENTICATOR_USAGE,
    TGS_REP_SUBKEY_USAGE,
    Asker,
    obtain_ticket,
)
from puregss.krb5.memory import MemoryTickets
from puregss.krb5.messages.ap_req import decode_ap_req, decode_authenticator
from puregss.krb5.messages.fields import EncryptedData, EncryptionKey
from puregss.krb5.messages.kdc import (
    TGS_REP,
    EncKdcRepPart,
    KdcRep,
    KdcReqBody,
    decode_kdc_req,
    decode_kdc_req_body,
    encode_enc_kdc_rep_part,
    encode_kdc_rep,
)
from puregss.krb5.messages.ticket import Ticket, encode_ticket
from puregss.krb5.principal import Principal, tgs_principal
from tests.krb5.minting import CLIENT, NOW, FixedClock, mint, service_key

HOME, EVIL = CLIENT.realm, "EVIL.TEST"
FILES = Principal(("host", "files"), HOME)
ASKER = Asker(FixedClock(), os.urandom)
Lie = Callable[[KdcReqBody], Principal]


def tgt_of(realm: str, of_realm: str = HOME) -> CachedTicket:
    return mint(service_key(18, tgs_principal(realm, of_realm)))


def kdc(tgts: dict[str, CachedTicket], lies: dict[str, Lie]) -> Callable[[KdcRequest], bytes]:
    """The KDCs of all realms; each gives tickets for whatever server it likes, with a session key it knows."""

    def exchange(request: KdcRequest) -> bytes:
        message = decode_kdc_req(request.message)
        body = decode_kdc_req_body(message.body)
        proof = decode_ap_req(message.padata[0].padata_value)
        plain = tgts[request.realm].session_key.decrypt(AUTHENTICATOR_USAGE, proof.authenticator.cipher)
        authenticator = decode_authenticator(plain)
        assert authenticator.subkey is not None
        subkey = Key(authenticator.subkey.keytype, authenticator.subkey.keyvalue)
        server = lies[request.realm](body)
        key = random_key(18, os.urandom)
        if server.is_tgs:
            tgts[server.components[1]] = mint(service_key(18, server), session_key=key)
        part = EncKdcRepPart(
            EncryptionKey(18, key.dangerous_material()), (), body.nonce, 0, NOW, NOW, body.till, server
        )
        sealed = subkey.encrypt(TGS_REP_SUBKEY_USAGE, encode_enc_kdc_rep_part(part, TGS_REP), os.urandom)
        ticket = encode_ticket(Ticket(server, EncryptedData(18, 1, b"of no matter")))
        return encode_kdc_rep(KdcRep(TGS_REP, (), CLIENT, ticket, EncryptedData(18, None, sealed)))

    return exchange


def test_a_foreign_kdc_cannot_plant_a_ticket_for_a_service_at_home() -> None:
    """It knows that ticket's session key: with it in the cache it would pass for the service, mutual authentication
    and all, the next time the user goes there."""
    store = MemoryTickets([tgt_of(HOME), tgt_of(EVIL)])
    exchange = kdc({EVIL: store.find(CLIENT, tgs_principal(EVIL, HOME)) or tgt_of(EVIL)}, {EVIL: lambda body: FILES})
    asking = obtain_ticket(store, CLIENT, Principal(("HTTP", "www"), EVIL), ASKER)
    with pytest.raises(GSSError, match="does not belong") as caught:
        run(asking, exchange)
    assert caught.value.minor == KDCREP_MODIFIED
    assert store.find(CLIENT, FILES) is None


def test_a_foreign_kdc_cannot_plant_a_tgt_of_home() -> None:
    """One that lives longer than the true one would be taken for it."""
    store = MemoryTickets([tgt_of(HOME), tgt_of(EVIL)])
    true = store.find(CLIENT, tgs_principal(HOME))
    exchange = kdc(
        {EVIL: store.find(CLIENT, tgs_principal(EVIL, HOME)) or tgt_of(EVIL)}, {EVIL: lambda body: tgs_principal(HOME)}
    )
    with pytest.raises(GSSError, match="does not belong"):
        run(obtain_ticket(store, CLIENT, Principal(("HTTP", "www"), EVIL), ASKER), exchange)
    assert store.find(CLIENT, tgs_principal(HOME)) is true


def test_a_foreign_kdc_cannot_plant_it_by_a_referral_back_home_either() -> None:
    """It knows the session key of the TGT it sends the client home with, so whoever helps it on the network can answer
    in the name of the KDC there."""
    store = MemoryTickets([tgt_of(HOME), tgt_of(EVIL)])
    evil = store.find(CLIENT, tgs_principal(EVIL, HOME))
    assert evil is not None
    exchange = kdc({EVIL: evil}, {EVIL: lambda body: tgs_principal(HOME, EVIL), HOME: lambda body: FILES})
    server = Principal(("HTTP", "www"), EVIL)
    run(obtain_ticket(store, CLIENT, server, ASKER), exchange)
    assert store.find(CLIENT, server) is not None
    assert store.find(CLIENT, FILES) is None


@pytest.mark.parametrize("components", [("other",), ("HTTP", "GOOD.TEST"), ()])
def test_a_realm_on_the_way_cannot_answer_with_a_service(components: tuple[str, ...]) -> None:
    """A service's ticket where the next realm's TGT was asked for: nothing to go on with, and no IndexError."""
    home = tgt_of(HOME)
    store = MemoryTickets([home])
    exchange = kdc({HOME: home}, {HOME: lambda body: Principal(components, HOME), "GOOD.TEST": lambda body: FILES})
    with pytest.raises(GSSError, match="does not belong"):
        run(obtain_ticket(store, CLIENT, Principal(("HTTP", "www"), "GOOD.TEST"), ASKER), exchange)
