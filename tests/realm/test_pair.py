"""RFC 2743 §1.2: established pairs in one line."""

from __future__ import annotations

import os

import pytest

from puregss.gss.context import SecurityContext
from puregss.gss.driver import run
from puregss.kcrypto.enctypes import enctype_name
from puregss.krb5.kdc_exchange import TicketOptions
from puregss.krb5.kdc_exchange_as import as_exchange
from puregss.krb5.preauth import Password
from puregss.realm import Realm, RealmWorld, context_pair
from puregss.system.clock import SystemClock


@pytest.fixture
def realm() -> Realm:
    """Not listening, without files."""
    realm = Realm("EXAMPLE.TEST")
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    return realm


def test_a_pair_moves(realm: Realm) -> None:
    """The world's transfer domain is its own."""
    world = RealmWorld(realm, "alice")
    initiator, acceptor = context_pair(world)
    moved = SecurityContext(token=acceptor.export(), world=world)
    assert moved.unwrap(initiator.wrap(b"after", True).message).message == b"after"


@pytest.mark.parametrize("enctype", [17, 18, 19, 20, 25, 26])
def test_every_enctype(enctype: int) -> None:
    realm = Realm(enctypes=(enctype,))
    realm.add_user("alice", "secret")
    realm.add_service("host/localhost")
    options = TicketOptions(enctypes=(enctype,))
    client = realm.principal("alice")
    steps = as_exchange(client, Password("secret"), clock=SystemClock(), entropy=os.urandom, options=options)
    assert run(steps, realm.exchange).session_key.enctype == enctype
    initiator, acceptor = context_pair(RealmWorld(realm, "alice"))
    assert initiator.unwrap(acceptor.wrap(b"hello", True).message).message == b"hello"
    assert initiator.enctype == acceptor.enctype == enctype_name(enctype).partition(" ")[0]
