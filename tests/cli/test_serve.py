"""`puregss serve` as a user starts it: a process of its own, with a keytab of an embedded realm."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from puregss.acceptor.client import Client
from puregss.base.names import NameType
from puregss.gss.context import SecurityContext
from puregss.gss.name import Name
from puregss.realm import Realm, RealmWorld

COMMAND = [sys.executable, "-m", "puregss", "serve"]
HANDLER = """
import os
import sys

def pid(message, peer):
    return str(os.getpid()).encode()

def who(message, peer):
    return f"{peer.initiator} from {peer.address} with {peer.enctype}".encode()

def steal(message, peer):
    try:
        return open(message, "rb").read()
    except PermissionError:
        return b"not permitted"

# What is imported after the worker has become another user, who may not be able to read this Python.
started_as, late = os.getuid(), []

def note(event, arguments):
    if event == "import" and os.getuid() != started_as:
        late.append(arguments[0])

sys.addaudithook(note)

def imported_late(message, peer):
    return repr(late).encode()
"""


@pytest.fixture(scope="module")
def realm() -> Iterator[Realm]:
    realm = Realm()
    realm.add_user("alice")
    realm.add_user("mallory")
    realm.add_service("host/localhost")
    yield realm
    realm.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    (folder / "my_handlers.py").write_text(HANDLER)
    return folder


class Server:
    """A running `puregss serve`."""

    def __init__(self, realm: Realm, folder: Path, *arguments: str) -> None:
        command = [*COMMAND, "--listen", "127.0.0.1:0", "--service", "host@localhost", *arguments]
        environment = {**os.environ, **realm.environment()}
        self.process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", self.line)
        assert found, self.process.communicate()
        self.address = "127.0.0.1", int(found[1])

    def client(self, world: RealmWorld) -> Client:
        client = Client(
            self.address, SecurityContext(name=Name("host@localhost", NameType.hostbased_service), world=world)
        )
        client.establish()
        return client

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """End it; its log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return log


@contextmanager
def serving(realm: Realm, folder: Path, *arguments: str) -> Iterator[Server]:
    server = Server(realm, folder, *arguments)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.mark.parametrize("topology", ["connection", "relay"])
def test_a_handler_of_ones_own_answers_from_a_worker_and_the_log_has_its_pid(
    realm: Realm, folder: Path, topology: str
) -> None:
    with serving(realm, folder, "--topology", topology, "my_handlers:pid") as server:
        with server.client(RealmWorld(realm, "alice")) as client:
            pid = client.ask(b"?").decode()
        assert f"({'length'}, {topology}, 2 workers)" in server.line
        log = server.stop()
    assert int(pid) != server.process.pid
    (line,) = [line for line in log.splitlines() if "handed to" in line]
    assert (
        f"alice@EXAMPLE.TEST for host/localhost@EXAMPLE.TEST, aes256-cts-hmac-sha1-96, handed to worker {pid}" in line
    )


def test_a_handler_knows_its_peer_and_strangers_stay_outside(realm: Realm, folder: Path) -> None:
    with serving(realm, folder, "--allow", "al*@EXAMPLE.TEST", "my_handlers:who") as server:
        with server.client(RealmWorld(realm, "alice")) as client:
            host, port = client.address
            answer = client.ask(b"?").decode()
        assert answer == f"alice@EXAMPLE.TEST from {host}:{port} with aes256-cts-hmac-sha1-96"
        with server.client(RealmWorld(realm, "mallory")) as client, pytest.raises(ConnectionError):
            client.ask(b"?")
        assert "mallory@EXAMPLE.TEST is not allowed here" in server.stop()


only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can start workers as another user")


@only_root
@pytest.mark.parametrize("user", [(), ("--user", "nobody")])
def test_workers_of_root_become_nobody_who_cannot_read_the_keytab(
    realm: Realm, folder: Path, user: tuple[str, ...]
) -> None:
    keytab = realm.keytab(folder / "service.keytab").encode()
    with serving(realm, folder, *user, "--workers", "1", "my_handlers:steal") as server:
        with server.client(RealmWorld(realm, "alice")) as client:
            assert client.ask(keytab) == b"not permitted"
        assert "WARNING" not in server.stop()


@only_root
def test_workers_that_must_stay_root_are_warned_of(realm: Realm, folder: Path) -> None:
    keytab = Path(realm.keytab(folder / "service.keytab"))
    with serving(realm, folder, "--user", "root", "--workers", "1", "my_handlers:steal") as server:
        with server.client(RealmWorld(realm, "alice")) as client:
            assert client.ask(str(keytab).encode()) == keytab.read_bytes()
        assert "WARNING workers run as root, who can read any keytab" in server.stop()


@only_root
@pytest.mark.parametrize("topology", ["connection", "relay"])
def test_a_worker_imports_nothing_after_it_became_another_user(realm: Realm, folder: Path, topology: str) -> None:
    arguments = ("--topology", topology, "--workers", "1", "my_handlers:imported_late")
    with serving(realm, folder, *arguments) as server:
        with server.client(RealmWorld(realm, "alice")) as client:
            client.ask(b"so far")
            with pytest.raises(ConnectionError):
                client._exchange(b"forged")
        with server.client(RealmWorld(realm, "alice")) as client:
            assert client.ask(b"and then") == b"[]"
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_connections_finish(realm: Realm, folder: Path, number: signal.Signals) -> None:
    with serving(realm, folder, "echo") as server:
        client = server.client(RealmWorld(realm, "alice"))
        assert client.ask(b"one") == b"one"
        stopping = threading.Thread(target=server.stop, args=(number,))
        stopping.start()
        while True:
            try:
                socket.create_connection(server.address).close()
            except OSError:
                break
        assert client.ask(b"two") == b"two"
        client.close()
        stopping.join(15)
        assert server.process.returncode == 0


def test_garbage_gets_one_line_and_no_traceback(realm: Realm, folder: Path) -> None:
    with serving(realm, folder, "echo") as server:
        for octets in (b"\0\0\0\7garbage", b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0", b"\xff" * 100_000):
            # Refused before everything is sent, a client's end finds the connection gone.
            with contextlib.suppress(OSError), socket.create_connection(server.address, timeout=10) as client:
                client.sendall(octets)
                client.shutdown(socket.SHUT_WR)
                while client.recv(1000):
                    pass
        with server.client(RealmWorld(realm, "alice")) as client:
            assert client.ask(b"fine") == b"fine"
        log = server.stop()
    assert len([line for line in log.splitlines() if "refused:" in line]) == 4
    assert "Traceback" not in log


def run(realm: Realm, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **realm.environment()}
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


GOOD = {"--listen": "127.0.0.1:0", "--service": "host@localhost"}


@pytest.mark.parametrize(
    ("changed", "handler", "words"),
    [
        ({"--keytab": "/nowhere/a.keytab"}, "echo", ["/nowhere/a.keytab"]),
        ({"--service": "HTTP@localhost"}, "echo", ["no key", "HTTP@localhost", "host/localhost@EXAMPLE.TEST"]),
        ({"--service": "host@elsewhere.test"}, "echo", ["no key", "host@elsewhere.test"]),
        ({"--listen": "nonsense"}, "echo", ["nonsense", "HOST:PORT"]),
        ({"--listen": "127.0.0.1:99999"}, "echo", ["HOST:PORT"]),
        ({"--listen": "192.0.2.1:0"}, "echo", ["192.0.2.1", "no such address"]),
        ({}, "no_such_module:f", ["no_such_module"]),
        ({}, "os:no_such_function", ["no_such_function"]),
        ({}, "ecko", ["ecko", "echo"]),
        ({"--user": "no-such-user"}, "echo", ["no-such-user"]),
    ],
)
def test_what_cannot_work_is_one_sentence_and_status_2(
    realm: Realm, changed: dict[str, str], handler: str, words: list[str]
) -> None:
    arguments = [text for option in (GOOD | changed).items() for text in option]
    result = run(realm, *arguments, handler)
    assert result.returncode == 2
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "WARNING workers run as" not in line]
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


def test_a_port_in_use_is_one_sentence(realm: Realm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run(realm, "--listen", address, "--service", "host", "echo")
    assert result.returncode == 2
    assert result.stderr.splitlines() == [
        f"puregss: cannot listen on {address}: another program listens there already; "
        "stop it or choose another port (0: a free one)"
    ]
