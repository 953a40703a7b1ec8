"""The TGS exchange from the client's side: services, referrals, other realms, forwarding, renewal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from puregss.base.errors import ExpiredCredentialsError, GSSError, MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.gss.driver import run
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import KDCREP_MODIFIED, TicketOptions
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.kdc_exchange_tgs import Asker, forwarded_tgt, obtain_ticket, renewed_ticket
from puregss.krb5.memory import MemoryTickets
from puregss.krb5.messages.kdc import AS_REP, decode_kdc_rep, encode_kdc_rep
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.preauth import Password
from puregss.krb5.principal import Principal, tgs_principal
from puregss.realm.embedded import Realm
from puregss.realm.trust import Neighbourhood
from puregss.system.clock import SystemClock

ASKER = Asker(SystemClock(), os.urandom)


@pytest.fixture
def realm() -> Iterator[Realm]:
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret")
    realm.add_service("HTTP/www.example.test")
    yield realm
    realm.close()


def tickets(realm: Realm, *more: CachedTicket) -> MemoryTickets:
    return MemoryTickets([realm.ticket("alice"), *more])


def service(realm: Realm, of_realm: str | None = None) -> Principal:
    return Principal(("HTTP", "www.example.test"), realm.name if of_realm is None else of_realm)


def fetch(
    realm: Realm,
    store: MemoryTickets,
    server: Principal,
    asker: Asker = ASKER,
    exchange: Callable[[KdcRequest], bytes] | None = None,
) -> CachedTicket:
    return run(obtain_ticket(store, realm.principal("alice"), server, asker), exchange or realm.exchange)


def test_a_ticket_is_fetched_once(realm: Realm) -> None:
    asked = []

    def exchange(request: KdcRequest) -> bytes:
        asked.append(request.realm)
        return realm.exchange(request)

    store = tickets(realm)
    first = fetch(realm, store, service(realm), exchange=exchange)
    assert (first.client, first.server) == (realm.principal("alice"), service(realm))
    assert fetch(realm, store, service(realm), exchange=exchange) is first
    assert asked == ["EXAMPLE.TEST"]


def test_an_expired_ticket_is_fetched_again(realm: Realm) -> None:
    old = replace(realm.ticket("alice", "HTTP/www.example.test"), endtime=1000)
    assert fetch(realm, tickets(realm, old), service(realm)).endtime > realm.now()


def test_a_service_whose_realm_nobody_said(realm: Realm) -> None:
    store = tickets(realm)
    nameless = service(realm, "")
    assert fetch(realm, store, nameless).server == service(realm)
    kept = store.find(realm.principal("alice"), nameless)
    assert kept is not None, "the next one who asks so need not ask a KDC"


def test_a_shorter_life(realm: Realm) -> None:
    ticket = fetch(realm, tickets(realm), service(realm), ASKER._replace(lifetime=60))
    assert 50 <= ticket.endtime - realm.now() <= 60


def test_the_clock_of_the_kdc_is_followed(realm: Realm) -> None:
    store = MemoryTickets([replace(realm.ticket("alice"), endtime=1 << 31)])
    realm.faults.clock_offset = 1200
    assert fetch(realm, store, service(realm)).server == service(realm)


def test_without_a_tgt(realm: Realm) -> None:
    with pytest.raises(MissingCredentialsError, match=r"has no TGT of alice@EXAMPLE\.TEST: run 'kinit"):
        fetch(realm, MemoryTickets([]), service(realm))
    old = MemoryTickets([replace(realm.ticket("alice"), endtime=1000)])
    with pytest.raises(ExpiredCredentialsError, match="has expired: run 'kinit"):
        fetch(realm, old, service(realm))


def test_an_unknown_service(realm: Realm) -> None:
    with pytest.raises(GSSError, match=r"for HTTP/nowhere@EXAMPLE\.TEST.*the service is unknown") as caught:
        fetch(realm, tickets(realm), Principal(("HTTP", "nowhere"), "EXAMPLE.TEST"))
    assert caught.value.minor == -1765328377


@pytest.mark.parametrize("fault", ["wrong_nonce", "wrong_client", "wrong_server", "wrong_key"])
def test_answers_that_do_not_belong_to_the_request(realm: Realm, fault: str) -> None:
    with realm.faults.during(**{fault: True}), pytest.raises(GSSError, match="does not belong") as caught:
        fetch(realm, tickets(realm), service(realm))
    assert caught.value.minor == KDCREP_MODIFIED


def test_an_answer_of_the_other_exchange(realm: Realm) -> None:
    def exchange(request: KdcRequest) -> bytes:
        return encode_kdc_rep(decode_kdc_rep(realm.exchange(request))._replace(msg_type=AS_REP))

    with pytest.raises(GSSError, match="it answers an AS-REQ"):
        fetch(realm, tickets(realm), service(realm), exchange=exchange)


def test_every_flipped_octet_of_an_answer_is_an_error_or_harmless(realm: Realm) -> None:
    """Harmless: what the client does not rely on, such as the ticket's own sealed part."""
    tgt = realm.ticket("alice")

    def spoil(position: int) -> Callable[[KdcRequest], bytes]:
        def exchange(request: KdcRequest) -> bytes:
            answer = bytearray(realm.exchange(request))
            answer[position % len(answer)] ^= 0x55
            return bytes(answer)

        return exchange

    refused = 0
    for position in range(0, 2000, 11):
        try:
            ticket = fetch(realm, MemoryTickets([tgt]), service(realm), exchange=spoil(position))
        except GSSError:
            refused += 1
        else:
            assert ticket.server == service(realm)
            assert ticket.client == realm.principal("alice")
    assert refused > 90


@pytest.mark.parametrize("said", [True, False])
def test_another_realm(realm: Realm, said: bool) -> None:
    other = Realm("OTHER.TEST")
    other.add_service("HTTP/www.other.test")
    realm.trust(other)
    store = tickets(realm)
    server = Principal(("HTTP", "www.other.test"), "OTHER.TEST" if said else "")
    assert fetch(realm, store, server).server == replace(server, realm="OTHER.TEST")
    between = store.find(realm.principal("alice"), tgs_principal("OTHER.TEST", "EXAMPLE.TEST"))
    assert between is not None, "the TGT for the other realm is kept"
    other.close()


def test_a_circle_of_referrals_ends(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two realms that each say the service is in the other one."""
    other = Realm("OTHER.TEST")
    realm.trust(other)
    circle = {"EXAMPLE.TEST": "OTHER.TEST", "OTHER.TEST": "EXAMPLE.TEST"}
    monkeypatch.setattr(Neighbourhood, "realm_of_host", lambda self, host: circle[self.realm])
    with pytest.raises(GSSError, match=r"in a circle for HTTP/lost@: EXAMPLE\.TEST, OTHER\.TEST"):
        fetch(realm, tickets(realm), Principal(("HTTP", "lost"), ""))
    other.close()


def test_forwarding(realm: Realm) -> None:
    tgt = realm.ticket("alice")
    assert tgt.flags & TicketFlag.FORWARDABLE
    forwarded = run(forwarded_tgt(MemoryTickets([tgt]), realm.principal("alice"), ASKER), realm.exchange)
    assert forwarded.server == tgt.server
    assert forwarded.flags & TicketFlag.FORWARDED
    assert forwarded.session_key != tgt.session_key
    fixed = replace(tgt, flags=tgt.flags & ~TicketFlag.FORWARDABLE)
    with pytest.raises(GSSError, match="is not forwardable: run 'kinit -f"):
        run(forwarded_tgt(MemoryTickets([fixed]), realm.principal("alice"), ASKER), realm.exchange)


def test_renewal(realm: Realm) -> None:
    options = TicketOptions(lifetime=600, renew_lifetime=86400)
    log_in = as_exchange(
        realm.principal("alice"), Password("secret"), clock=ASKER.clock, entropy=os.urandom, options=options
    )
    tgt = run(log_in, realm.exchange)
    realm.faults.clock_offset = 200
    renewed = run(renewed_ticket(tgt, ASKER), realm.exchange)
    assert renewed.endtime > tgt.endtime
    assert renewed.renew_till <= tgt.renew_till
