"""python-gssapi over MIT's library, in a process of its own, against the embedded realm; and against puregss in it."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator

import pytest

from puregss.base.flags import RequirementFlag
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.name import Name
from puregss.realm import Realm, RealmWorld
from tests.interop.mit_realm import ENCTYPES
from tests.interop.realm_programs import PASSWORD, environment, log_in

pytestmark = pytest.mark.requires("python-gssapi")

BOTH_ENDS = """
import gssapi
flags = gssapi.RequirementFlag
name = gssapi.Name("host@localhost", gssapi.NameType.hostbased_service)
wanted = flags.mutual_authentication | flags.confidentiality | flags.delegate_to_peer | flags.integrity
initiator = gssapi.SecurityContext(name=name, usage="initiate", flags=wanted)
acceptor = gssapi.SecurityContext(usage="accept")
token = None
while not (initiator.complete and acceptor.complete):
    token = initiator.step(token)
    if token is not None:
        token = acceptor.step(token)
assert acceptor.unwrap(initiator.wrap(b"over", True).message).message == b"over"
assert initiator.unwrap(acceptor.wrap(b"back", True).message).message == b"back"
print(acceptor.initiator_name, initiator.target_name, acceptor.delegated_creds.name)
"""

ONE_END = """
import base64, sys
import gssapi
name = gssapi.Name("host@localhost", gssapi.NameType.hostbased_service)
flags = gssapi.RequirementFlag.mutual_authentication | gssapi.RequirementFlag.confidentiality
token = None
if sys.argv[1] == "initiate":
    context = gssapi.SecurityContext(name=name, flags=flags)
else:
    context = gssapi.SecurityContext(usage="accept")
    token = base64.b64decode(input())
while True:
    token = context.step(token)
    if token is not None:
        print(base64.b64encode(token).decode(), flush=True)
    if context.complete:
        break
    token = base64.b64decode(input())
print(base64.b64encode(context.wrap(b"from MIT", True).message).decode(), flush=True)
print(context.unwrap(base64.b64decode(input())).message.decode(), flush=True)
"""


@pytest.fixture(params=ENCTYPES, ids=ENCTYPES.get)
def realm(request: pytest.FixtureRequest) -> Iterator[Realm]:
    realm = Realm(enctypes=(request.param,))
    realm.add_user("alice", PASSWORD)
    realm.add_service("host/localhost")
    with realm:
        yield realm


@pytest.mark.requires("krb5kdc")
def test_both_ends_after_kinit(realm: Realm) -> None:
    log_in(realm, "-f")
    command = [sys.executable, "-c", BOTH_ENDS]
    done = subprocess.run(command, env=environment(realm), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["alice@EXAMPLE.TEST", "host/localhost@EXAMPLE.TEST", "alice@EXAMPLE.TEST"]


def test_both_ends_with_a_minted_tgt(realm: Realm) -> None:
    realm.ccache("alice")
    command = [sys.executable, "-c", BOTH_ENDS]
    done = subprocess.run(command, env=environment(realm), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


class Stranger:
    """One end in another process."""

    def __init__(self, realm: Realm, usage: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ONE_END, usage],
            env=environment(realm),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, octets: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(base64.b64encode(octets).decode() + "\n")
        self._process.stdin.flush()

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def octets(self) -> bytes:
        return base64.b64decode(self.line())

    def close(self) -> None:
        self._process.communicate(timeout=10)


def exchange_messages(ours: SecurityContext, stranger: Stranger) -> None:
    assert ours.unwrap(stranger.octets()).message == b"from MIT"
    stranger.say(ours.wrap(b"from us", True).message)
    assert stranger.line() == "from us"


def test_their_initiator_and_our_acceptor(realm: Realm) -> None:
    """The stranger asks the KDC over sockets; we have the keys in this process."""
    realm.ccache("alice")
    stranger = Stranger(realm, "initiate")
    acceptor = SecurityContext(usage="accept", world=RealmWorld(realm))
    token = acceptor.step(stranger.octets())
    assert token is not None
    stranger.say(token)
    assert str(acceptor.initiator_name) == "alice@EXAMPLE.TEST"
    exchange_messages(acceptor, stranger)
    stranger.close()


def test_our_initiator_and_their_acceptor(realm: Realm) -> None:
    name = Name("host@localhost", NameType.hostbased_service)
    flags = RequirementFlag.mutual_authentication | RequirementFlag.confidentiality
    initiator = SecurityContext(name=name, flags=flags, world=RealmWorld(realm, "alice"))
    stranger = Stranger(realm, "accept")
    token = initiator.step()
    assert token is not None
    stranger.say(token)
    assert initiator.step(stranger.octets()) is None
    exchange_messages(initiator, stranger)
    stranger.close()
