"""The world without files and sockets."""

from __future__ import annotations

import asyncio

import pytest

from puregss.base.errors import BadNameError, GSSError, MissingCredentialsError
from puregss.base.mechanism import KdcRequest
from puregss.gss.driver import run, run_async
from puregss.krb5.kdc_exchange_tgs import Asker, obtain_ticket
from puregss.realm import Realm, RealmWorld


@pytest.fixture
def realm() -> Realm:
    """Not listening, without files."""
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    return realm


def test_the_world_names_users_and_services(realm: Realm) -> None:
    realm.add_user("bob")
    realm.add_service("HTTP/localhost")
    world = RealmWorld(realm, "alice")
    assert str(world.ticket_store("bob").default_principal) == "bob@EXAMPLE.TEST"
    assert world.ticket_store(None) is world.ticket_store("alice")
    assert len(world.key_source(None).entries()) == 2
    assert len(world.key_source("HTTP/localhost").entries()) == 1
    with pytest.raises(MissingCredentialsError, match="nobody"):
        world.ticket_store("nobody")
    with pytest.raises(MissingCredentialsError, match="nobody"):
        world.key_source("nobody/x")
    with pytest.raises(MissingCredentialsError, match="no default user"):
        RealmWorld(realm).ticket_store(None)


def test_the_world_knows_hosts_and_users(realm: Realm) -> None:
    realm.add_service("HTTP/www.shop.test")
    world = RealmWorld(realm)
    assert world.default_realm() == "EXAMPLE.TEST"
    for host in ("localhost", "www.shop.test", "a.b.example.test", "example.test"):
        assert world.realm_of_host(host) == "EXAMPLE.TEST"
    assert world.realm_of_host("www.elsewhere.test") == world.realm_of_host("badexample.test") == ""
    assert world.canonical_host("WWW.Example.TEST") == "www.example.test"
    assert world.user_of_uid(0) == "root"
    for uid in (-1, 2**40):
        with pytest.raises(BadNameError):
            world.user_of_uid(uid)


def test_the_world_refuses_replays(realm: Realm) -> None:
    world = RealmWorld(realm, "alice")
    replays = world.replay_cache()
    replays.store(b"mac", 0, 0)
    with pytest.raises(GSSError, match="replays"):
        replays.store(b"mac", 0, 0)


def test_in_process(realm: Realm) -> None:
    world = RealmWorld(realm, "alice")
    tickets = world.ticket_store(None)
    asker = Asker(world.clock, world.entropy)
    names = realm.principal("alice"), realm.principal("host/localhost")
    steps = obtain_ticket(tickets, *names, asker)
    assert run(steps, realm.exchange).server == realm.principal("host/localhost")
    steps = obtain_ticket(RealmWorld(realm, "alice").ticket_store(None), *names, asker)
    assert asyncio.run(run_async(steps, world.exchange_async)).server == realm.principal("host/localhost")
    with pytest.raises(GSSError, match=r"no KDC for the realm ELSEWHERE\.TEST"):
        realm.exchange(KdcRequest("ELSEWHERE.TEST", b""))
