"""RFC 4537, MS-KILE §3.2.5.8: negotiation of the subkey's encryption type, and awareness of channel bindings."""

from __future__ import annotations

import pytest

from puregss.krb5.mechanism_authdata import _remembered, channel_aware, negotiate_enctype, offer_enctypes
from puregss.krb5.messages.fields import AuthorizationData
from puregss.krb5.messages.ticket import AD_IF_RELEVANT, decode_authorization_data, encode_authorization_data


def relevant(kind: int, octets: bytes) -> AuthorizationData:
    return ((AD_IF_RELEVANT, encode_authorization_data(((kind, octets),))),)


def test_the_offer_is_a_list_that_ends_with_the_session_keys_type() -> None:
    ((kind, octets),) = offer_enctypes(20)
    assert kind == AD_IF_RELEVANT
    assert decode_authorization_data(octets) == ((129, bytes.fromhex("3009020112020111020114")),)


def test_nothing_is_offered_where_nothing_is_better() -> None:
    assert offer_enctypes(18) == ()
    assert offer_enctypes(20, (20, 18)) == ()


def test_only_what_is_permitted_is_offered_and_agreed_on() -> None:
    """krb5.conf's permitted_enctypes, in its order."""
    assert negotiate_enctype(offer_enctypes(17, (20, 19, 17)), 17) == 20
    assert negotiate_enctype(offer_enctypes(17), 17, (20, 19, 17)) == 17
    assert negotiate_enctype(offer_enctypes(19), 19, (20, 19)) == 20
    assert negotiate_enctype(offer_enctypes(18, (20,)), 18) == 20, "the session key's type is not permitted"


@pytest.mark.parametrize("session", [17, 20, 19, 26, 25])
def test_the_first_of_our_offer_is_agreed_on(session: int) -> None:
    assert negotiate_enctype(offer_enctypes(session), session) == 18


@pytest.mark.parametrize(
    ("octets", "agreed"),
    [
        ("3000", 17),
        ("3003020117", 17),
        ("3006020117020114", 20),
        ("3006020111020112", 17),
        ("300602017f020112", 18),
        ("300a0208ffffffffffffffff", 17),
        ("3003", 17),
        ("", 17),
    ],
)
def test_only_what_we_speak_is_agreed_on(octets: str, agreed: int) -> None:
    """Windows offers RC4 among others; whatever cannot be read does not stop the context."""
    assert negotiate_enctype(relevant(129, bytes.fromhex(octets)), 17) == agreed


def test_without_an_offer_the_session_keys_type_stays() -> None:
    assert negotiate_enctype((), 19) == 19
    assert negotiate_enctype(((128, b"a PAC"),), 19) == 19


@pytest.mark.parametrize(
    ("octets", "aware"),
    [(b"\x00\x40\x00\x00", True), (b"\xff\xff\xff\xff", True), (b"\x00\x00\x40\x00", False), (b"\x00\x40", False)],
)
def test_awareness_is_a_bit(octets: bytes, aware: bool) -> None:
    assert channel_aware(relevant(143, octets)) is aware
    assert not channel_aware(relevant(142, octets))


def test_awareness_may_stand_by_itself_or_not_at_all() -> None:
    assert channel_aware(((143, b"\x00\x40\x00\x00"),))
    assert not channel_aware(())
    assert not channel_aware(((AD_IF_RELEVANT, b"\x30\x03junk"),))


@pytest.mark.parametrize("elements", [((1, bytes(300)),), ((1, b""),) * 300], ids=["long", "many"])
def test_a_stranger_cannot_fill_memory_with_elements(elements: AuthorizationData) -> None:
    before = _remembered.cache_info().currsize
    assert negotiate_enctype(elements, 18) == 18
    assert _remembered.cache_info().currsize == before
