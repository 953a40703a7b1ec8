"""RFC 4120 §3.2.3, RFC 4121 §4.1: what one side refuses, the other side's error says; against MIT and Heimdal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.mit_realm import MitRealm
from tests.interop.party import MUTUAL, PeerError, RemoteLibrary

pytestmark = pytest.mark.requires("krb5kdc", "python-gssapi", "heimdal")

PEERS = {"mit": ("tests.interop.mit_peer",), "heimdal": ("tests.interop.c_peer", "heimdal")}
PURE = ("tests.interop.pure_peer",)
NO_CRED, ROUTINE_ERRORS = 7 << 16, 0xFF0000


class Stage:
    """A service whose key changes behind an acceptor's back, and libraries that see the keytab of one's choice."""

    def __init__(self, realm: MitRealm, folder: Path, stack: ExitStack) -> None:
        self.realm = realm
        self.folder = folder
        self._stack = stack

    def library(self, command: tuple[str, ...], keytab: Path | None = None) -> RemoteLibrary:
        env = self.realm.environment(keytab=keytab, ccache=self.ccache)
        return self._stack.enter_context(RemoteLibrary(*command, env=env))

    @property
    def ccache(self) -> Path:
        """A user's tickets, of this test alone."""
        path = self.folder / "cc"
        return path if path.exists() else self.realm.kinit("bob", ccache=path)


@pytest.fixture
def stage(mit_realm: MitRealm, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(mit_realm, tmp_path, stack)


def refusal(library: RemoteLibrary, token: bytes | None) -> PeerError:
    """The error with which a fresh acceptor of `library` meets the token."""
    assert token is not None
    with pytest.raises(PeerError) as caught:
        library.accept().step(token)
    return caught.value


@pytest.mark.parametrize("peer", PEERS)
def test_a_keytab_older_than_the_key(stage: Stage, peer: str) -> None:
    service = f"aged-{peer}/localhost"
    stage.realm.add_service(service)
    keytab = stage.realm.keytab(service, path=stage.folder / "keytab")
    stage.realm.rotate(service)
    initiator = stage.library(PEERS[peer]).initiate(f"aged-{peer}@localhost", MUTUAL)
    error = refusal(stage.library(PURE, keytab), initiator.step(None))
    assert error.major == NO_CRED
    for word in (service, "kvno 2", str(keytab)):
        assert word in error.text
    assert error.token is not None
    with pytest.raises(PeerError) as caught:
        initiator.step(error.token)
    assert caught.value.major & ROUTINE_ERRORS


@pytest.mark.parametrize("peer", PEERS)
def test_a_keytab_of_another_service(stage: Stage, peer: str) -> None:
    stage.realm.add_service(f"mine-{peer}/localhost", f"other-{peer}/localhost")
    keytab = stage.realm.keytab(f"other-{peer}/localhost", path=stage.folder / "keytab")
    initiator = stage.library(PEERS[peer]).initiate(f"mine-{peer}@localhost", MUTUAL)
    error = refusal(stage.library(PURE, keytab), initiator.step(None))
    assert error.major == NO_CRED
    assert f"mine-{peer}/localhost" in error.text


def test_we_read_the_error_tokens_of_others(stage: Stage) -> None:
    """A KRB-ERROR in place of an AP-REP becomes a sentence with the reason in it. Heimdal sends none."""
    stage.realm.add_service("theirs/localhost")
    keytab = stage.realm.keytab("theirs/localhost", path=stage.folder / "keytab")
    initiator = stage.library(PURE).initiate("theirs@localhost", MUTUAL)
    token = initiator.step(None)
    assert token is not None
    damaged = token[:-5] + bytes([token[-5] ^ 1]) + token[-4:]  # inside the authenticator's checksum
    theirs = refusal(stage.library(PEERS["mit"], keytab), damaged)
    with pytest.raises(PeerError) as caught:
        initiator.step(theirs.token)
    assert caught.value.major & ROUTINE_ERRORS
    assert "integrity" in caught.value.text.lower()


@pytest.mark.parametrize("peer", PEERS)
def test_a_ticket_for_somebody_unknown(stage: Stage, peer: str) -> None:
    """The KDC says that there is no such service; so do we, by its name."""
    with pytest.raises(PeerError) as caught:
        stage.library(PURE).initiate(f"nobody-{peer}@localhost", MUTUAL).step(None)
    assert f"nobody-{peer}/localhost@INTEROP.TEST" in caught.value.text


@pytest.mark.parametrize("peer", PEERS)
def test_rc4_is_refused_by_name(stage: Stage, peer: str) -> None:
    """A keytab with nothing but an RC4 key: the sentence says that we do not have it."""
    service = f"old-{peer}/localhost"
    stage.realm.admin(f"addprinc -randkey -e arcfour-hmac:normal {service}")
    keytab = stage.realm.keytab(service, path=stage.folder / "keytab")
    initiator = stage.library(PEERS[peer]).initiate(f"old-{peer}@localhost", MUTUAL)
    error = refusal(stage.library(PURE, keytab), initiator.step(None))
    assert error.major & ROUTINE_ERRORS
    assert "rc4" in error.text.lower()
    assert "arcfour" not in error.text.lower()
