"""The replay cache file2, shared with MIT: what one acceptor has seen the other refuses, in every table of the file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from puregss.base.errors import DuplicateTokenError
from puregss.kcrypto.key import Key
from puregss.krb5.acceptor import Acceptor
from puregss.krb5.acceptor_policy import AcceptorPolicy
from puregss.krb5.keytab import decode_keytab
from puregss.krb5.memory import MemoryKeys
from puregss.krb5.ports import ServiceKey
from puregss.system.clock import SystemClock
from puregss.system.replay_cache import FileReplayCache, replay_cache_from_environment
from tests.interop.conftest import service_of
from tests.interop.mit_realm import AES, MitRealm
from tests.interop.party import REPLAY, PeerError, RemoteLibrary
from tests.krb5.minting import finish

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi")

REPEATED = -1765328384 + 34


@pytest.fixture(scope="module")
def mit(mit_realm: MitRealm) -> Iterator[RemoteLibrary]:
    with RemoteLibrary("tests.interop.mit_peer", env=mit_realm.environment()) as library:
        yield library


class Acceptors:
    """Both acceptors of one realm, on one replay cache file."""

    def __init__(self, realm: MitRealm, mit: RemoteLibrary, cache: FileReplayCache) -> None:
        entries = decode_keytab(realm.default_keytab.read_bytes())
        self._keys = MemoryKeys(
            [ServiceKey(entry.principal, entry.kvno, Key(entry.key_type, entry.key)) for entry in entries]
        )
        self._mit = mit
        self._cache = cache

    def token(self, enctype: int) -> bytes:
        token = self._mit.initiate(f"{service_of(enctype)}@localhost", REPLAY).step(None)
        assert token is not None
        return token

    def ours_refuses(self, token: bytes) -> bool:
        policy = AcceptorPolicy(self._keys, None, SystemClock(), os.urandom)
        acceptor = Acceptor(policy, None, self._cache)
        try:
            finish(acceptor.step(token))
        except DuplicateTokenError as error:
            return error.minor == REPEATED
        return False

    def mit_refuses(self, token: bytes) -> bool:
        try:
            self._mit.accept().step(token)
        except PeerError as error:
            return error.minor & 0xFFFFFFFF == REPEATED & 0xFFFFFFFF
        return False


@pytest.fixture
def acceptors(mit_realm: MitRealm, mit: RemoteLibrary) -> Acceptors:
    cache = replay_cache_from_environment(mit_realm.environment())
    assert cache is not None
    return Acceptors(mit_realm, mit, cache)


@pytest.mark.parametrize("enctype", AES)
def test_mit_refuses_what_we_have_seen(acceptors: Acceptors, enctype: int) -> None:
    tokens = [acceptors.token(enctype) for _ in range(10)]
    assert not any(acceptors.ours_refuses(token) for token in tokens)
    assert all(acceptors.mit_refuses(token) for token in tokens)


@pytest.mark.parametrize("enctype", AES)
def test_we_refuse_what_mit_has_seen(acceptors: Acceptors, enctype: int) -> None:
    tokens = [acceptors.token(enctype) for _ in range(10)]
    assert not any(acceptors.mit_refuses(token) for token in tokens)
    assert all(acceptors.ours_refuses(token) for token in tokens)


def test_both_find_each_others_records_in_every_table(acceptors: Acceptors) -> None:
    """The file is filled with records still valid, until what comes new must go into later tables."""
    cache, now = acceptors._cache, int(SystemClock().now())
    for number in range(5000):
        cache.store(number.to_bytes(4, sys.byteorder) + os.urandom(8), now, now)
    assert os.stat(cache.path).st_size > 49152
    seen_here = [acceptors.token(18) for _ in range(20)]
    seen_there = [acceptors.token(18) for _ in range(20)]
    assert not any(acceptors.ours_refuses(token) for token in seen_here)
    assert not any(acceptors.mit_refuses(token) for token in seen_there)
    assert all(acceptors.mit_refuses(token) for token in seen_here)
    assert all(acceptors.ours_refuses(token) for token in seen_there)
