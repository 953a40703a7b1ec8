"""RFC 4120 §3.1 through the calls: credentials for a password and for a keytab, blocking and under asyncio."""

from __future__ import annotations

import asyncio

import pytest

from puregss.base.errors import MissingCredentialsError
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.initial import (
    acquire_with_keytab,
    acquire_with_keytab_async,
    acquire_with_password,
    acquire_with_password_async,
)
from puregss.gss.name import Name
from puregss.krb5.kdc_exchange import TicketOptions
from tests.gss.worlds import SERVICE, World

BOB = Name("bob", NameType.user)


@pytest.fixture
def world() -> World:
    world = World()
    world.realm.add_user("bob", "bob's password")
    return world


def initiates(credentials: Credentials, world: World) -> str:
    initiator = SecurityContext(name=SERVICE, creds=credentials, world=world)
    acceptor = SecurityContext(usage="accept", world=world)
    initiator.step(acceptor.step(initiator.step()))
    return str(acceptor.initiator_name)


def test_a_password(world: World) -> None:
    credentials = acquire_with_password(BOB, "bob's password", world=world)
    assert str(credentials.name) == "bob@EXAMPLE.TEST"
    assert credentials.usage == "initiate"
    assert initiates(credentials, world) == "bob@EXAMPLE.TEST"


def test_a_password_under_asyncio(world: World) -> None:
    credentials = asyncio.run(acquire_with_password_async(BOB, b"bob's password", world=world))
    assert initiates(credentials, world) == "bob@EXAMPLE.TEST"


def test_a_wrong_password_says_so(world: World) -> None:
    with pytest.raises(MissingCredentialsError, match="password"):
        acquire_with_password(BOB, "a guess", world=world)


def test_a_stranger_says_so(world: World) -> None:
    with pytest.raises(MissingCredentialsError, match=r"mallory@EXAMPLE\.TEST"):
        acquire_with_password(Name("mallory", NameType.user), "a guess", world=world)


def test_a_service_initiates_with_its_keytab(world: World) -> None:
    service = Name("host/localhost", NameType.kerberos_principal)
    assert initiates(acquire_with_keytab(service, world=world), world) == "host/localhost@EXAMPLE.TEST"
    again = asyncio.run(acquire_with_keytab_async(service, world=world))
    assert initiates(again, world) == "host/localhost@EXAMPLE.TEST"


def test_a_keytab_without_the_key_says_so(world: World) -> None:
    with pytest.raises(MissingCredentialsError, match=r"no key of bob@EXAMPLE\.TEST"):
        acquire_with_keytab(BOB, world=world)


def test_options_reach_the_kdc(world: World) -> None:
    credentials = acquire_with_password(BOB, "bob's password", options=TicketOptions(lifetime=600), world=world)
    assert credentials.lifetime is not None
    assert 590 <= credentials.lifetime <= 600
