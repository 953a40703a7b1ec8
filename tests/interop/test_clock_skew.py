"""RFC 4120 §3.2.3, RFC 4121 §4.1: clocks apart, told in a KRB-ERROR token and, where the peer can, got over."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from puregss.base.errors import GSSError
from puregss.base.flags import RequirementFlag
from puregss.kcrypto.key import Key
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.ccache import decode_ccache
from puregss.krb5.initiator import Initiator
from puregss.krb5.keytab import decode_keytab
from puregss.krb5.memory import MemoryKeys, MemoryTickets
from puregss.krb5.ports import ServiceKey
from puregss.krb5.principal import parse_principal
from puregss.system.clock import SystemClock
from tests.interop.mit_realm import MitRealm
from tests.interop.party import MUTUAL, PeerError, RemoteLibrary
from tests.krb5.minting import finish

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi", "heimdal")

SERVICE = "enctype18/localhost"
SKEW = -1765328384 + 37


class WrongClock(SystemClock):
    """A clock that is 1,000 seconds ahead."""

    def now(self) -> float:
        return SystemClock.now() + 1000


@pytest.fixture(scope="module")
def heimdal(mit_realm: MitRealm) -> Iterator[RemoteLibrary]:
    """With a cache of its own: the clock that it adopts is written there, and would mislead other tests."""
    ccache = mit_realm.kinit("alice", ccache=mit_realm.folder / "skewed")
    with RemoteLibrary("tests.interop.c_peer", "heimdal", env=mit_realm.environment(ccache=ccache)) as library:
        yield library


@pytest.fixture(scope="module")
def mit(mit_realm: MitRealm) -> Iterator[RemoteLibrary]:
    with RemoteLibrary("tests.interop.mit_peer", env=mit_realm.environment()) as library:
        yield library


def acceptor(realm: MitRealm) -> Acceptor:
    keys = [
        ServiceKey(entry.principal, entry.kvno, Key(entry.key_type, entry.key))
        for entry in decode_keytab(realm.default_keytab.read_bytes())
    ]
    return Acceptor(AcceptorPolicy(MemoryKeys(keys), None, WrongClock(), os.urandom), None, None)


def refused(machine: Acceptor, token: bytes | None) -> bytes:
    with pytest.raises(GSSError, match="1000 seconds apart") as caught:
        finish(machine.step(token))
    assert caught.value.minor == SKEW
    assert caught.value.token is not None
    return caught.value.token


def test_heimdals_initiator_adopts_our_clock(mit_realm: MitRealm, heimdal: RemoteLibrary) -> None:
    first, second = heimdal.initiate("enctype18@localhost", MUTUAL), acceptor(mit_realm)
    retry = first.step(refused(second, first.step(None)))
    assert first.step(finish(second.step(retry))) is None
    assert first.complete
    assert second.complete


def test_mits_initiator_reads_our_error(mit_realm: MitRealm, mit: RemoteLibrary) -> None:
    first = mit.initiate("enctype18@localhost", MUTUAL)
    with pytest.raises(PeerError) as caught:
        first.step(refused(acceptor(mit_realm), first.step(None)))
    assert caught.value.minor & 0xFFFFFFFF == SKEW & 0xFFFFFFFF


def test_our_initiator_adopts_heimdals_clock(mit_realm: MitRealm, heimdal: RemoteLibrary) -> None:
    mit_realm.kvno(SERVICE)
    first = Initiator(
        target=parse_principal(SERVICE, mit_realm.realm),
        tickets=MemoryTickets(decode_ccache(mit_realm.default_ccache.read_bytes()).tickets),
        flags=RequirementFlag(MUTUAL),
        bindings=None,
        clock=WrongClock(),
        entropy=os.urandom,
    )
    second = heimdal.accept()
    error = second.step(finish(first.step(None)))
    assert not second.complete
    retry = finish(first.step(error))
    assert finish(first.step(second.step(retry))) is None
    assert first.complete
    assert second.complete
