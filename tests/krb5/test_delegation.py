"""RFC 4121 §4.1.1: tickets delegated in the authenticator, from the KDC's forwarding to the acceptor's use."""

from __future__ import annotations

import os
from typing import Any

import pytest

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import BadMICError, GSSError, InvalidTokenError
from puregss.base.flags import RequirementFlag
from puregss.kcrypto.key import random_key
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.ccache import CachedTicket
from puregss.krb5.delegation import decode_delegation, encode_delegation
from puregss.krb5.initiator import Initiator
from puregss.krb5.memory import MemoryKeys, MemoryTickets
from puregss.krb5.messages.cred import EncKrbCredPart, KrbCred, KrbCredInfo, encode_enc_krb_cred_part, encode_krb_cred
from puregss.krb5.messages.fields import EncryptedData, EncryptionKey
from puregss.krb5.messages.ticket import TicketFlag
from puregss.krb5.principal import tgs_principal
from puregss.realm.embedded import MINTED_FLAGS, Realm
from tests.krb5.minting import NOW, REALM, FixedClock, finish, mint_tgt

DELEGATE = RequirementFlag.delegate_to_peer
BY_POLICY = RequirementFlag.ok_as_delegate
MUTUAL = RequirementFlag.mutual_authentication
SESSION, SUBKEY = random_key(18, os.urandom), random_key(18, os.urandom)


def seal(ticket: CachedTicket, etype: int, plaintext: bytes | None = None, count: int = 1) -> bytes:
    """A KRB-CRED as another implementation might make it."""
    key = ticket.session_key
    info = KrbCredInfo(EncryptionKey(key.enctype, key.dangerous_material()), ticket.client)
    octets = encode_enc_krb_cred_part(EncKrbCredPart((info,))) if plaintext is None else plaintext
    cipher = SUBKEY.encrypt(14, octets, os.urandom) if etype else octets
    return encode_krb_cred(KrbCred((ticket.ticket,) * count, EncryptedData(etype, None, cipher)))


@pytest.mark.parametrize("enctype", [17, 18, 19, 20, 25, 26])
def test_a_ticket_is_read_back(enctype: int) -> None:
    key, ticket = random_key(enctype, os.urandom), mint_tgt(enctype=enctype)
    assert decode_delegation(encode_delegation(ticket, key, NOW, os.urandom), key, None) == (ticket,)


def test_what_is_not_said_is_taken_from_the_ticket() -> None:
    ticket = mint_tgt()
    (read,) = decode_delegation(seal(ticket, 18), SESSION, SUBKEY)
    assert (read.client, read.server, read.session_key) == (ticket.client, ticket.server, ticket.session_key)
    assert (read.authtime, read.endtime, read.flags) == (0, 0, 0)


def test_the_subkey_opens_it_too_and_so_does_no_key_at_all() -> None:
    ticket = mint_tgt()
    for etype in (18, 0):
        assert decode_delegation(seal(ticket, etype), SESSION, SUBKEY)[0].ticket == ticket.ticket


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(BadMICError, match="neither"):
        decode_delegation(seal(mint_tgt(), 18), SESSION, None)


def test_tickets_and_descriptions_must_be_as_many() -> None:
    with pytest.raises(InvalidTokenError, match="2 tickets and describes 1"):
        decode_delegation(seal(mint_tgt(), 18, count=2), SESSION, SUBKEY)


def test_a_ticket_of_nobody_is_refused() -> None:
    part = EncKrbCredPart((KrbCredInfo(EncryptionKey(18, bytes(32))),))
    with pytest.raises(InvalidTokenError, match="whose it is"):
        decode_delegation(seal(mint_tgt(), 18, encode_enc_krb_cred_part(part)), SESSION, SUBKEY)


def test_a_ticket_with_a_key_we_lack_is_left_out() -> None:
    """Windows delegates RC4 tickets through AES contexts; the context is no worse for it."""
    part = EncKrbCredPart((KrbCredInfo(EncryptionKey(23, bytes(16)), mint_tgt().client),))
    assert decode_delegation(seal(mint_tgt(), 18, encode_enc_krb_cred_part(part)), SESSION, SUBKEY) == ()


def test_every_altered_octet_is_a_gss_error_or_changes_nothing() -> None:
    ticket = mint_tgt()
    octets = encode_delegation(ticket, SESSION, NOW, os.urandom)
    for place in range(len(octets)):
        for change in (0x01, 0x80):
            altered = bytearray(octets)
            altered[place] ^= change
            try:
                (read,) = decode_delegation(bytes(altered), SESSION, None)
            except GSSError:
                continue
            assert read.session_key == ticket.session_key


# From end to end, with the embedded realm as the KDC


@pytest.fixture(scope="module")
def realm() -> Realm:
    clock = FixedClock()
    realm = Realm(REALM, clock=clock.now)
    realm.add_user("alice")
    realm.add_service("HTTP/www.example.com")
    realm.add_service("HTTP/trusted.example.com", ok_as_delegate=True)
    return realm


def drive(realm: Realm, steps: Any, asked: list[str]) -> bytes | None:
    answer = None
    try:
        while True:
            request = steps.send(answer)
            asked.append(request.realm)
            answer = realm.exchange(request)
    except StopIteration as stop:
        token: bytes | None = stop.value
        return token


def establish(
    realm: Realm, flags: RequirementFlag, service: str = "HTTP/www.example.com", *, tgt_flags: int = MINTED_FLAGS
) -> tuple[Initiator, Acceptor, list[str], MemoryTickets]:
    clock, asked = FixedClock(), list[str]()
    tickets = MemoryTickets([realm.ticket("alice", flags=tgt_flags)])
    first = Initiator(
        target=realm.principal(service), tickets=tickets, flags=flags, bindings=None, clock=clock, entropy=os.urandom
    )
    policy = AcceptorPolicy(MemoryKeys(realm.service_keys()), None, clock, os.urandom)
    second = Acceptor(policy, ChannelBindings(application_data=b"unbound"), None)
    token = drive(realm, first.step(None), asked)
    while token is not None:
        token = finish(second.step(token))
        token = token and finish(first.step(token))
    assert first.complete
    assert second.complete
    return first, second, asked, tickets


def test_a_missing_ticket_is_fetched_and_kept(realm: Realm) -> None:
    first, _, asked, tickets = establish(realm, MUTUAL)
    assert asked == [REALM]
    assert tickets.find(first.inquire()["initiator_name"], realm.principal("HTTP/www.example.com")) is not None


@pytest.mark.parametrize("mutual", [RequirementFlag(0), MUTUAL, MUTUAL | RequirementFlag.dce_style], ids=str)
def test_a_delegated_ticket_is_usable(realm: Realm, mutual: RequirementFlag) -> None:
    first, second, asked, _ = establish(realm, DELEGATE | mutual)
    assert DELEGATE in first.inquire()["flags"] & second.inquire()["flags"]
    assert asked == [REALM, REALM]
    (tgt,) = second.delegated
    assert (str(tgt.client), tgt.server) == ("alice@EXAMPLE.COM", tgs_principal(REALM))
    assert tgt.flags & TicketFlag.FORWARDED
    further = Initiator(
        target=realm.principal("HTTP/trusted.example.com"),
        tickets=MemoryTickets(second.delegated),
        flags=MUTUAL,
        bindings=None,
        clock=FixedClock(),
        entropy=os.urandom,
    )
    assert drive(realm, further.step(None), []) is not None
    assert str(further.inquire()["initiator_name"]) == "alice@EXAMPLE.COM"


def test_nothing_is_delegated_unasked(realm: Realm) -> None:
    first, second, _, _ = establish(realm, MUTUAL, "HTTP/trusted.example.com")
    assert not second.delegated
    assert not (first.inquire()["flags"] | second.inquire()["flags"]) & (DELEGATE | BY_POLICY)


@pytest.mark.parametrize(("service", "granted"), [("HTTP/www.example.com", False), ("HTTP/trusted.example.com", True)])
def test_by_policy_only_trusted_services_get_a_ticket(realm: Realm, service: str, granted: bool) -> None:
    first, second, _, _ = establish(realm, MUTUAL | BY_POLICY, service)
    assert bool(second.delegated) is granted
    assert first.inquire()["flags"] & (DELEGATE | BY_POLICY) == (DELEGATE | BY_POLICY if granted else 0)


def test_a_ticket_that_may_not_be_forwarded_is_not_missed(realm: Realm) -> None:
    first, second, _, _ = establish(realm, MUTUAL | DELEGATE, tgt_flags=0)
    assert not second.delegated
    assert DELEGATE not in first.inquire()["flags"] | second.inquire()["flags"]


def test_a_ticket_that_does_not_fit_is_not_missed(monkeypatch: pytest.MonkeyPatch, realm: Realm) -> None:
    """Active Directory's tickets of users in a thousand groups exceed the 16-bit length of the field."""
    monkeypatch.setattr("puregss.krb5.initiator.encode_delegation", lambda *_: bytes(65536))
    first, second, _, _ = establish(realm, MUTUAL | DELEGATE)
    assert not second.delegated
    assert DELEGATE not in first.inquire()["flags"] | second.inquire()["flags"]


def test_an_empty_realm_is_found_out_and_remembered(realm: Realm) -> None:
    target = realm.principal("HTTP/www.example.com")
    anywhere = type(target)(target.components, "", target.name_type)
    tickets, asked = MemoryTickets([realm.ticket("alice")]), list[str]()
    for _ in range(2):
        first = Initiator(
            target=anywhere, tickets=tickets, flags=MUTUAL, bindings=None, clock=FixedClock(), entropy=os.urandom
        )
        assert drive(realm, first.step(None), asked) is not None
        assert first.inquire()["acceptor_name"] == target
    assert asked == [REALM]
