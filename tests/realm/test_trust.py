"""RFC 4120 §1.2, §3.3.3; RFC 6806 §7, §8: several embedded realms that trust each other."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest

from puregss.base.errors import GSSError
from puregss.gss.driver import run
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.kdc_exchange import TicketOptions
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.kdc_exchange_tgs import Asker, obtain_ticket
from puregss.krb5.memory import MemoryTickets
from puregss.krb5.messages.error import KrbErrorCode as Code
from puregss.krb5.messages.kdc import KdcOption
from puregss.krb5.messages.ticket import (
    EncTicketPart,
    TicketFlag,
    TransitedEncoding,
    decode_enc_ticket_part,
    decode_ticket,
    encode_enc_ticket_part,
    encode_ticket,
)
from puregss.krb5.preauth import Password
from puregss.krb5.principal import Principal, PrincipalNameType, tgs_principal
from puregss.realm import Realm, RealmWorld, context_pair
from puregss.realm.state import RealmState
from puregss.realm.tickets import mint
from puregss.realm.trust import Neighbourhood
from puregss.system.clock import SystemClock
from tests.realm.client import NOW, Held, Refused, ask, log_in
from tests.realm.states import PASSWORD, make_state

CLOCK = SystemClock()


def chain(*names: str) -> list[Realm]:
    """Realms of which each trusts the next; alice is in the first, host/www.LAST in the last."""
    realms = [Realm(name) for name in names]
    for one, other in itertools.pairwise(realms):
        one.trust(other)
    realms[0].add_user("alice", "secret")
    realms[-1].add_service(f"host/www.{names[-1].lower()}")
    return realms


def fetch(realm: Realm, server: Principal) -> tuple[CachedTicket, MemoryTickets]:
    tickets = MemoryTickets([realm.ticket("alice")])
    client = realm.principal("alice")
    return run(obtain_ticket(tickets, client, server, Asker(CLOCK, os.urandom)), realm.exchange), tickets


def opened(realm: Realm, ticket: CachedTicket) -> EncTicketPart:
    (held,) = realm.service_keys(ticket.server.name)
    return decode_enc_ticket_part(held.key.decrypt(2, decode_ticket(ticket.ticket).enc_part.cipher))


@pytest.mark.parametrize("said", [True, False], ids=["realm-named", "left-to-the-kdc"])
def test_two_realms(said: bool) -> None:
    here, there = chain("A.TEST", "B.TEST")
    server = Principal(("host", "www.b.test"), "B.TEST" if said else "")
    ticket, tickets = fetch(here, server)
    assert ticket.server == Principal(("host", "www.b.test"), "B.TEST")
    part = opened(there, ticket)
    assert str(part.client) == "alice@A.TEST"
    assert part.transited.contents == b""
    assert part.flags & TicketFlag.TRANSITED_POLICY_CHECKED
    assert not part.flags & TicketFlag.INITIAL
    assert tickets.find(here.principal("alice"), tgs_principal("B.TEST", "A.TEST")) is not None


@pytest.mark.parametrize("said", [True, False], ids=["realm-named", "left-to-the-kdc"])
def test_a_way_through_others(said: bool) -> None:
    realms = chain("A.TEST", "B.TEST", "C.TEST", "D.TEST")
    ticket, _ = fetch(realms[0], Principal(("host", "www.d.test"), "D.TEST" if said else ""))
    part = opened(realms[-1], ticket)
    assert part.transited.contents == b"B.TEST,C.TEST"
    assert part.flags & TicketFlag.TRANSITED_POLICY_CHECKED


def test_trust_goes_both_ways_and_contexts_come_of_it() -> None:
    here, there = chain("A.TEST", "B.TEST")
    there.add_user("bob")
    here.add_service("host/www.a.test")
    world = RealmWorld(here, "alice")
    with pytest.raises(GSSError):
        context_pair(world, "host@www.b.test")  # the acceptor has the keys of A.TEST
    ticket, _ = fetch(here, Principal(("host", "www.b.test"), ""))
    assert ticket.server.realm == "B.TEST"
    tickets = MemoryTickets([there.ticket("bob")])
    steps = obtain_ticket(
        tickets, there.principal("bob"), Principal(("host", "www.a.test"), ""), Asker(CLOCK, os.urandom)
    )
    assert run(steps, there.exchange).server.realm == "A.TEST"


def test_strangers_stay_strangers() -> None:
    here, _ = chain("A.TEST", "B.TEST")
    with pytest.raises(GSSError) as caught:
        fetch(here, Principal(("host", "www.c.test"), ""))
    assert caught.value.minor == Code.KDC_ERR_S_PRINCIPAL_UNKNOWN.minor
    with pytest.raises(GSSError):
        fetch(here, Principal(("host", "www.c.test"), "C.TEST"))


def test_a_client_is_sent_home() -> None:
    """RFC 6806 §7: an enterprise name, asked of the wrong realm first."""
    here, there = chain("A.TEST", "B.TEST")
    there.add_user("bob", "secret")
    name = Principal(("bob@B.TEST",), "A.TEST", PrincipalNameType.ENTERPRISE)
    options = TicketOptions(canonicalize=True)
    steps = as_exchange(name, Password("secret"), clock=CLOCK, entropy=os.urandom, options=options)
    assert str(run(steps, here.exchange).client) == "bob@B.TEST"


def test_trust_joins_whole_families() -> None:
    a, b, c, d = (Realm(f"{letter}.TEST") for letter in "ABCD")
    a.trust(b)
    c.trust(d)
    b.trust(c)
    text = (a.environment(), (a.directory / "krb5.conf").read_text())[1]
    for name in ("A.TEST", "B.TEST", "C.TEST", "D.TEST"):
        assert f"    {name} = {{" in text


def test_the_web_of_trust() -> None:
    spots = {name: Neighbourhood(name) for name in "ABCDE"}
    for one, other in ("AB", "BC", "CA", "CD"):
        spots[one].neighbours[other] = spots[other]
        spots[other].neighbours[one] = spots[one]
    assert spots["A"].path("A") == []
    assert spots["A"].path("D") == ["C", "D"]
    assert spots["A"].path("E") is None
    spots["D"].hosts.add("www.x")
    assert spots["A"].realm_of_host("www.x") == "D"
    assert spots["A"].realm_of_host("sub.d") == "D"
    assert spots["E"].realm_of_host("www.x") is None


# What a TGS must not believe of another realm


def joined(*pairs: tuple[RealmState, RealmState]) -> None:
    for pair in pairs:
        for issuer, target in (pair, pair[::-1]):
            principal = tgs_principal(target.realm, issuer.realm)
            keys = issuer.database.add(principal, client=False).newest.keys
            target.database.add_shared(principal, keys)
            issuer.neighbourhood.neighbours[target.realm] = target.neighbourhood


def cross(state: RealmState, other: RealmState, **fields: Any) -> Held:
    """A TGT for `other` that `state` issued to its alice."""
    return ask(state, log_in(state, "alice", PASSWORD), tgs_principal(other.realm, state.realm), **fields)


def test_a_realm_cannot_speak_for_clients_of_ours() -> None:
    """Who holds the key we share with them could otherwise become any of our users."""
    ours, theirs = make_state("OURS.TEST"), make_state("THEIRS.TEST")
    joined((ours, theirs))
    held = cross(theirs, ours)
    alice = Principal(("alice",), "OURS.TEST")
    entry = theirs.database.get(tgs_principal("OURS.TEST", "THEIRS.TEST"))
    grant, ticket = mint(theirs, alice, entry.principal, entry, NOW, 600, 0)
    forged = Held(held.reply._replace(ticket=ticket, client=alice), held.part, grant.session_key)
    with pytest.raises(Refused) as caught:
        ask(ours, forged, Principal(("host", "localhost"), "OURS.TEST"))
    assert caught.value.code == Code.KDC_ERR_POLICY
    assert ask(ours, held, Principal(("host", "localhost"), "OURS.TEST")).reply.client.realm == "THEIRS.TEST"


def test_a_realm_cannot_speak_for_realms_that_are_not_behind_it() -> None:
    ours, theirs, third = make_state("OURS.TEST"), make_state("THEIRS.TEST"), make_state("THIRD.TEST")
    joined((ours, theirs), (ours, third))
    entry = theirs.database.get(tgs_principal("OURS.TEST", "THEIRS.TEST"))
    host = Principal(("host", "localhost"), "OURS.TEST")
    held = cross(theirs, ours)
    for realm in ("THIRD.TEST", "NOWHERE.TEST"):
        client = Principal(("alice",), realm)
        grant, ticket = mint(theirs, client, entry.principal, entry, NOW, 600, 0)
        forged = Held(held.reply._replace(ticket=ticket, client=client), held.part, grant.session_key)
        with pytest.raises(Refused) as caught:
            ask(ours, forged, host)
        assert caught.value.code == Code.KDC_ERR_PATH_NOT_ACCEPTED
        unchecked = ask(ours, forged, host, kdc_options=KdcOption.DISABLE_TRANSITED_CHECK)
        assert not unchecked.part.flags & TicketFlag.TRANSITED_POLICY_CHECKED


@pytest.mark.parametrize(
    ("transited", "code"),
    [
        (TransitedEncoding(2, b"SOMETHING"), Code.KDC_ERR_TRTYPE_NOSUPP),
        (TransitedEncoding(1, b",/X,"), Code.KDC_ERR_PATH_NOT_ACCEPTED),
        (TransitedEncoding(1, b"ELSEWHERE.TEST"), Code.KDC_ERR_PATH_NOT_ACCEPTED),
    ],
)
def test_a_transited_field_we_cannot_vouch_for(transited: TransitedEncoding, code: int) -> None:
    ours, theirs = make_state("OURS.TEST"), make_state("THEIRS.TEST")
    joined((ours, theirs))
    held = cross(theirs, ours)
    entry = theirs.database.get(tgs_principal("OURS.TEST", "THEIRS.TEST"))
    key = entry.newest.keys[0]
    sealed = decode_ticket(held.ticket)
    part = decode_enc_ticket_part(key.decrypt(2, sealed.enc_part.cipher))._replace(transited=transited)
    cipher = key.encrypt(2, encode_enc_ticket_part(part), os.urandom)
    ticket = encode_ticket(sealed._replace(enc_part=sealed.enc_part._replace(cipher=cipher)))
    forged = held._replace(reply=held.reply._replace(ticket=ticket))
    with pytest.raises(Refused) as caught:
        ask(ours, forged, Principal(("host", "localhost"), "OURS.TEST"))
    assert caught.value.code == code


def test_a_tgt_for_another_realm_is_none_for_us() -> None:
    ours, theirs = make_state("OURS.TEST"), make_state("THEIRS.TEST")
    joined((ours, theirs))
    held = cross(ours, theirs)
    with pytest.raises(Refused) as caught:
        ask(ours, held, Principal(("host", "localhost"), "OURS.TEST"))
    assert caught.value.code == Code.KRB_AP_ERR_NOT_US


def test_without_canonicalize_names_stay() -> None:
    ours, theirs = make_state("OURS.TEST"), make_state("THEIRS.TEST")
    joined((ours, theirs))
    theirs.neighbourhood.hosts.add("www.theirs.test")
    tgt = log_in(ours, "alice", PASSWORD)
    server = Principal(("host", "www.theirs.test"), "OURS.TEST")
    with pytest.raises(Refused) as caught:
        ask(ours, tgt, server)
    assert caught.value.code == Code.KDC_ERR_S_PRINCIPAL_UNKNOWN
    referral = ask(ours, tgt, server, kdc_options=KdcOption.CANONICALIZE)
    assert referral.server == referral.part.server == tgs_principal("THEIRS.TEST", "OURS.TEST")
