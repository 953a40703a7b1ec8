"""The acceptor with real processes and Kerberos contexts on an embedded realm."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from puregss.acceptor.client import Client
from puregss.acceptor.events import Event, What
from puregss.acceptor.front import Front
from puregss.acceptor.service import make_front
from puregss.acceptor.settings import Settings, Topology
from puregss.base.flags import RequirementFlag
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.credentials import Credentials
from puregss.gss.name import Name
from puregss.kcrypto.enctypes import SUPPORTED
from puregss.krb5.context import KerberosContext
from puregss.realm import Realm, RealmWorld
from tests.acceptor.running import eventually

TOPOLOGIES: tuple[Topology, ...] = ("connection", "relay")
TARGET = Name("host@localhost", NameType.hostbased_service)
STRICT = (
    RequirementFlag.mutual_authentication
    | RequirementFlag.replay_detection
    | RequirementFlag.out_of_sequence_detection
    | RequirementFlag.confidentiality
)
ONE_WAY = STRICT & ~RequirementFlag.mutual_authentication
THREE_LEGS = STRICT | RequirementFlag.dce_style


class Service:
    """A front in a thread, on a realm of its own."""

    def __init__(self, settings: Settings, enctype: int = 18) -> None:
        self.realm = Realm(enctypes=(enctype,))
        self.realm.add_service("host/localhost")
        self.realm.add_user("alice")
        self.world = RealmWorld(self.realm, "alice")
        self.events: list[Event] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = listener.getsockname()
        credentials = Credentials(usage="accept", world=self.world)
        self.front: Front = make_front(listener, settings, credentials, observe=self.events.append, world=self.world)
        self.front.start()
        self.thread = threading.Thread(target=self.front.run, daemon=True)
        self.thread.start()

    def connect(self, flags: RequirementFlag = STRICT) -> Client:
        client = Client(self.address, SecurityContext(name=TARGET, flags=flags, world=self.world))
        client.establish()
        return client

    def count(self, what: What) -> int:
        return sum(event.what is what for event in self.events)

    def close(self) -> None:
        self.front.drain()
        self.front.drain()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.realm.close()


@contextmanager
def serving(settings: Settings, enctype: int = 18) -> Iterator[Service]:
    service = Service(settings, enctype)
    try:
        yield service
    finally:
        service.close()


@pytest.mark.parametrize("enctype", SUPPORTED)
def test_every_enctype_moves(enctype: int) -> None:
    with serving(Settings(workers=1), enctype) as service, service.connect() as client:
        for size in (0, 1, 15, 16, 17, 70_000):
            message = os.urandom(size)
            assert client.ask(message) == message
            assert client.ask(message, encrypt=False) == message


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize(
    "flags", [STRICT, STRICT & ~RequirementFlag.mutual_authentication, RequirementFlag.dce_style | STRICT]
)
def test_each_kind_of_establishment_moves(topology: Topology, flags: RequirementFlag) -> None:
    with serving(Settings(workers=1, topology=topology)) as service, service.connect(flags) as client:
        assert client.ask(b"hello") == b"hello"


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_replay_window_and_the_sequence_move_along(topology: Topology) -> None:
    """The worker knows which tokens came, whatever process the context was in when it began to count."""
    with serving(Settings(workers=1, topology=topology)) as service:
        replayed, skipped = service.connect(), service.connect()
        assert replayed.ask(b"one") == b"one"
        token = replayed.context.wrap(b"two", True)[0]
        assert replayed.context.unwrap(replayed._exchange(token))[0] == b"two"
        with pytest.raises(ConnectionError):
            replayed._exchange(token)
        skipped.context.wrap(b"never sent", True)
        with pytest.raises(ConnectionError):
            skipped.ask(b"after a gap")
        eventually(lambda: service.count(What.CLOSED) == 2)
        reasons = [event.detail for event in service.events if event.what is What.CLOSED]
        assert "duplicate" in reasons[0]
        assert "expected" in reasons[1]


def test_a_reclaimed_context_goes_on_where_it_was() -> None:
    with serving(Settings(workers=2)) as service:
        pids = [worker.pid for worker in service.front._supervisor.workers]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        clients = [service.connect() for _ in range(4)]
        eventually(lambda: service.count(What.SENT) == 4)
        os.kill(pids[0], signal.SIGKILL)
        os.kill(pids[1], signal.SIGCONT)
        eventually(lambda: service.count(What.HELD) == 4)
        assert service.count(What.RECLAIMED) == 2
        assert {event.worker for event in service.events if event.what is What.HELD} <= {pids[1]} | {
            worker.pid for worker in service.front._supervisor.workers
        }
        for client in clients:
            assert client.ask(b"hello") == b"hello"
            client.close()


CLIENT = """
import os, sys
from puregss import Credentials, Name, NameType, SecurityContext
from puregss.acceptor.client import Client
port, ccache = int(sys.argv[1]), sys.argv[2]
creds = Credentials(usage="initiate", store={"ccache": ccache})
context = SecurityContext(name=Name("host@localhost", NameType.hostbased_service), creds=creds)
client = Client(("127.0.0.1", port), context)
client.establish()
assert client.ask(b"hello") == b"hello"
record = context._live._record
keys = (record.session_key, record.initiator_subkey, record.acceptor_subkey)
print(" ".join(key.dangerous_material()[::-1].hex() for key in keys if key), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_after_the_hand_off_no_object_of_the_front_holds_a_key(topology: Topology) -> None:
    with serving(Settings(workers=1, topology=topology)) as service:
        environment = {**os.environ, **service.realm.environment()}
        ccache = service.realm.ccache("alice", services=("host/localhost",))
        process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(service.address[1]), ccache],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert process.stdout is not None
        # The keys come spelled backwards and stay so until they are compared: this test must not be what holds them.
        backwards = [bytes.fromhex(word) for word in process.stdout.readline().decode().split()]
        assert len(backwards) == 3
        eventually(lambda: service.count(What.HELD) == 1)
        assert not [found for found in everything() if isinstance(found, KerberosContext)]
        assert everything_with(backwards) == []
        kept = backwards[0][::-1]
        assert everything_with(backwards) == [kept], "the search must find a key that is there"
        process.communicate(b"", 10)
        assert process.returncode == 0


def everything() -> list[Any]:
    """All objects that can be reached: what the collector tracks, the locals of running frames, what these refer to."""
    gc.collect()
    roots: list[Any] = gc.get_objects()
    for frame in sys._current_frames().values():
        while frame is not None:  # what a running frame holds is told by its f_locals alone
            roots += frame.f_locals.values()
            frame = frame.f_back  # type: ignore[assignment]
    seen = {id(found): found for found in roots}
    todo = roots
    while todo:
        todo = [found for found in gc.get_referents(*todo) if id(found) not in seen]
        seen.update((id(found), found) for found in todo)
    return list(seen.values())


def everything_with(backwards: list[bytes]) -> list[Any]:
    found: list[Any] = []
    for thing in everything():
        if isinstance(thing, bytes | bytearray | memoryview):
            octets = bytes(thing)[::-1]
            if thing not in backwards and any(key in octets for key in backwards):
                found.append(thing)
        elif isinstance(thing, int) and thing > 2**100:
            octets = thing.to_bytes((thing.bit_length() + 7) // 8, "little")
            if any(key in octets for key in backwards):
                found.append(thing)
    return found
