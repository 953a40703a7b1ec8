"""RFC 2743 §2.2.1, §2.2.2, §2.3: what is wrong has the status the RFC names, through the calls, and a reason."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from puregss.base.bindings import ChannelBindings
from puregss.base.errors import (
    BadChannelBindingsError,
    BadMechanismError,
    BadMICError,
    DuplicateTokenError,
    ExpiredCredentialsError,
    ExpiredTokenError,
    GSSError,
    InvalidTokenError,
    MissingContextError,
    MissingCredentialsError,
)
from puregss.base.names import NameType
from puregss.base.oid import OID
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.name import Name
from puregss.krb5.messages.error_codes import KrbErrorCode
from puregss.realm.world import RealmWorld
from puregss.wire.framing import decode_framed, encode_framed
from tests.gss.worlds import SERVICE, World, pair

HERE, THERE = (ChannelBindings(application_data=data) for data in (b"this channel", b"that channel"))
DAY = 86400


@pytest.fixture
def world() -> World:
    return World()


def request(world: World, **options: ChannelBindings) -> bytes:
    token = SecurityContext(name=SERVICE, world=world, channel_bindings=options.get("bindings")).step()
    assert token is not None
    return token


def late(world: World, seconds: float) -> Callable[[], object]:
    """The request arrives when the acceptor's clock has moved on."""
    token = request(world)
    world.moving.offset = seconds
    return lambda: SecurityContext(usage="accept", world=world).step(token)


def changed_key(world: World) -> Callable[[], object]:
    """The service has a new key, of which the keytab does not know yet."""
    keys = Credentials(usage="accept", world=world)
    keys.keys.entries()
    world.realm.rotate_key("host/localhost")
    token = request(world)
    return lambda: SecurityContext(creds=keys, usage="accept", world=world).step(token)


def other_realms_key(world: World) -> Callable[[], object]:
    """A ticket for the same name, of the same kvno, from a realm that only looks the same."""
    token = request(World())
    return lambda: SecurityContext(usage="accept", world=world).step(token)


def other_service(world: World) -> Callable[[], object]:
    world.realm.add_service("ldap/localhost")
    creds = Credentials(Name("ldap@localhost", NameType.hostbased_service), usage="accept", world=world)
    token = request(world)
    return lambda: SecurityContext(creds=creds, usage="accept", world=world).step(token)


def other_channel(world: World) -> Callable[[], object]:
    token = request(world, bindings=HERE)
    return lambda: SecurityContext(usage="accept", channel_bindings=THERE, world=world).step(token)


def replay(world: World) -> Callable[[], object]:
    token = request(world)
    SecurityContext(usage="accept", world=world).step(token)
    return lambda: SecurityContext(usage="accept", world=world).step(token)


def altered(world: World) -> Callable[[], object]:
    token = request(world)
    return lambda: SecurityContext(usage="accept", world=world).step(token[:-1] + bytes([token[-1] ^ 1]))


def cut(world: World) -> Callable[[], object]:
    token = request(world)
    return lambda: SecurityContext(usage="accept", world=world).step(token[:-1])


def reordered(world: World) -> Callable[[], object]:
    """The acceptor's own answer, where the initiator's request should be."""
    reply = SecurityContext(usage="accept", world=world).step(request(world))
    return lambda: SecurityContext(usage="accept", world=world).step(reply)


def other_mechanism(world: World) -> Callable[[], object]:
    token = encode_framed(OID.from_dotted("1.2.3"), decode_framed(request(world))[1])
    return lambda: SecurityContext(usage="accept", world=world).step(token)


def hear(refusal: bytes) -> None:
    """What an initiator makes of a refusal: it may try once more where clocks differ, then it gives up."""
    initiator = SecurityContext(name=SERVICE, world=World())
    for token in (None, refusal, refusal):
        initiator.step(token)


@pytest.mark.parametrize(
    ("wrong", "status", "reason"),
    [
        (lambda world: late(world, 400), ExpiredTokenError, "seconds apart, where 300 are allowed"),
        (lambda world: late(world, -400), GSSError, "seconds apart, where 300 are allowed"),
        (changed_key, MissingCredentialsError, r"kvno 2.*has host/localhost@EXAMPLE\.TEST kvno 1"),
        (other_realms_key, BadMICError, "does not open it"),
        (other_service, MissingCredentialsError, r"for host/localhost@EXAMPLE\.TEST.*has ldap/localhost"),
        (other_channel, BadChannelBindingsError, "another channel"),
        (replay, DuplicateTokenError, ""),
        (altered, BadMICError, "altered"),
        (cut, InvalidTokenError, ""),
        (reordered, InvalidTokenError, "an acceptor's first is an AP-REQ"),
        (other_mechanism, BadMechanismError, r"mechanism 1\.2\.3"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_an_acceptor_refuses(
    world: World, wrong: Callable[[World], Callable[[], object]], status: type[GSSError], reason: str
) -> None:
    step = wrong(world)
    with pytest.raises(GSSError, match=reason or None) as caught:
        step()
    assert type(caught.value) is status
    assert caught.value.token is not None, "the peer is told"
    with pytest.raises(GSSError) as read:
        hear(caught.value.token)
    generic = KrbErrorCode.KRB_ERR_GENERIC.minor
    assert read.value.minor == (caught.value.minor or generic)


def test_what_an_initiator_refuses(world: World) -> None:
    acceptor = SecurityContext(usage="accept", world=world)
    reply = acceptor.step(request(world))
    assert reply is not None
    for token, status in (
        (reply, InvalidTokenError),  # to another request
        (reply[:-1], InvalidTokenError),
        (reply[:-1] + bytes([reply[-1] ^ 1]), BadMICError),
        (request(world), InvalidTokenError),
    ):
        initiator = SecurityContext(name=SERVICE, world=world)
        initiator.step()
        with pytest.raises(GSSError) as caught:
            initiator.step(token)
        assert type(caught.value) is status
        with pytest.raises(MissingContextError, match="establishment failed"):
            initiator.step(reply)


def test_who_has_no_ticket_may_not_speak(world: World) -> None:
    world.moving.offset = 30 * DAY
    with pytest.raises(ExpiredCredentialsError, match="kinit alice"):
        request(world)
    with pytest.raises(MissingCredentialsError, match="default user"):
        SecurityContext(name=SERVICE, world=RealmWorld(world.realm))


def test_cut_and_reordered_messages(world: World) -> None:
    """Of three messages in any order, cut at any place, none that is wrong is taken, and every right one is."""
    initiator, acceptor = pair(world)
    chooser = random.Random(2743)
    for encrypt in (True, False):
        tokens = [initiator.wrap(bytes([number]), encrypt).message for number in range(3)]
        for _ in range(30):
            token = chooser.choice(tokens)
            with pytest.raises((InvalidTokenError, BadMICError)):
                acceptor.unwrap(token[: chooser.randrange(len(token))])
        assert [acceptor.unwrap(token).message for token in tokens] == [b"\0", b"\1", b"\2"]
