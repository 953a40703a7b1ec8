"""The strangers among themselves: the harness drives MIT, Heimdal and Samba's Heimdal, and they agree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.interop.conftest import service_of
from tests.interop.mit_realm import AES, MitRealm
from tests.interop.party import CONFIDENTIAL, INTEGRITY, MUTUAL, PeerError, RemoteLibrary, establish

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi", "heimdal", "samba")

KINDS = {
    "python-gssapi": ("tests.interop.mit_peer",),
    "mit": ("tests.interop.c_peer", "mit"),
    "heimdal": ("tests.interop.c_peer", "heimdal"),
    "samba": ("tests.interop.c_peer", "samba"),
}


@pytest.fixture(scope="module")
def libraries(mit_realm: MitRealm) -> Iterator[dict[str, RemoteLibrary]]:
    running = {kind: RemoteLibrary(*command, env=mit_realm.environment()) for kind, command in KINDS.items()}
    yield running
    for library in running.values():
        library.__exit__(None, None, None)


@pytest.mark.parametrize("enctype", AES)
@pytest.mark.parametrize(("initiator", "acceptor"), [*product(KINDS, KINDS)])
def test_pair(libraries: dict[str, RemoteLibrary], initiator: str, acceptor: str, enctype: int) -> None:
    service = f"{service_of(enctype)}@localhost"
    first = libraries[initiator].initiate(service, MUTUAL | CONFIDENTIAL | INTEGRITY, b"a channel")
    second = libraries[acceptor].accept(b"a channel")
    assert establish(first, second) == 2
    for confidential in (True, False):
        assert second.unwrap(first.wrap(b"to the acceptor", confidential)) == (b"to the acceptor", confidential)
        assert first.unwrap(second.wrap(b"to the initiator", confidential)) == (b"to the initiator", confidential)
    first.verify_mic(b"signed", second.get_mic(b"signed"))
    assert first.facts().acceptor == f"{service_of(enctype)}/localhost@INTEROP.TEST"
    assert second.facts().initiator == "alice@INTEROP.TEST"


@pytest.mark.parametrize("kind", KINDS)
def test_errors_carry_the_status(libraries: dict[str, RemoteLibrary], kind: str) -> None:
    first = libraries[kind].initiate("enctype18@localhost", MUTUAL)
    second = libraries[kind].accept()
    establish(first, second)
    message = first.wrap(b"once", True)
    with pytest.raises(PeerError) as caught:
        second.unwrap(message[:-1] + bytes([message[-1] ^ 1]))
    assert caught.value.major == 6 << 16  # BAD_MIC
