"""RFC 4120 §7.2: the KDC's port, with an answer made up for the purpose."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from puregss.base.errors import GSSError
from puregss.realm import server as server_module
from puregss.realm.faults import Faults
from puregss.realm.server import LOOPBACK, MAX_CONNECTIONS, MAX_REQUEST, Server, bind_both


class Echo:
    """Says the request with a mark for the way it came; nothing to b'silence'."""

    def __init__(self) -> None:
        self.faults = Faults()

    def answer(self, request: bytes, datagram: bool) -> bytes | None:
        return None if request == b"silence" else (b"U" if datagram else b"T") + request

    def too_long(self) -> bytes:
        return b"too long"


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def faults(echo: Echo) -> Faults:
    return echo.faults


@pytest.fixture
def server(echo: Echo) -> Iterator[Server]:
    server = Server(echo)
    server.start()
    yield server
    server.close()


def datagram(server: Server, request: bytes, timeout: float = 5) -> bytes:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.sendto(request, (LOOPBACK, server.port))
        return client.recv(65536)


def connect(server: Server) -> socket.socket:
    return socket.create_connection((LOOPBACK, server.port), timeout=5)


def send(client: socket.socket, request: bytes) -> None:
    client.sendall(len(request).to_bytes(4) + request)


def receive(client: socket.socket) -> bytes:
    """All octets until the peer hangs up or one whole message is there."""
    octets = b""
    while len(octets) < 4 or len(octets) < 4 + int.from_bytes(octets[:4]):
        chunk = client.recv(65536)
        if not chunk:
            break
        octets += chunk
    return octets


def test_udp_and_tcp_share_a_port(server: Server) -> None:
    assert datagram(server, b"hello") == b"Uhello"
    with connect(server) as client:
        for message in (b"one", b"two"):
            send(client, message)
            assert receive(client) == (len(message) + 1).to_bytes(4) + b"T" + message


def test_starts_and_stops_quickly_and_frees_the_port() -> None:
    server = Server(Echo())
    before = time.monotonic()
    server.start()
    assert time.monotonic() - before < 0.3
    port = server.port
    with connect(server) as idle:
        send(idle, b"x")
        receive(idle)
        server.close()
    server.close()  # a second time does nothing
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("puregss-kdc")]
    again = Server(Echo())
    again.start(port)
    assert datagram(again, b"hello") == b"Uhello"
    again.close()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_in_use_is_one_clear_sentence(kind: int) -> None:
    with socket.socket(type=kind) as other:
        other.bind((LOOPBACK, 0))
        port = other.getsockname()[1]
        with pytest.raises(GSSError) as caught:
            Server(Echo()).start(port)
    assert f"port {port} of 127.0.0.1 is in use" in caught.value.message


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(GSSError, match="cannot be had"):
        Server(Echo()).start(port)


def test_a_free_port_is_free_for_both() -> None:
    """A port that is free for UDP but taken for TCP is passed over."""
    udp, tcp = bind_both(0)
    with closing(udp), closing(tcp):
        assert udp.getsockname() == tcp.getsockname()
        assert udp.getsockname()[0] == "127.0.0.1"


def test_silence(server: Server) -> None:
    with pytest.raises(TimeoutError):
        datagram(server, b"silence", timeout=0.1)
    with connect(server) as client:
        send(client, b"silence")
        assert receive(client) == b""


def test_too_long_a_request_is_answered_once_and_hung_up_on(server: Server) -> None:
    """The length is not believed: nothing is read, the answer says so."""
    for length in (MAX_REQUEST + 1, 0xFFFFFFFF):
        with connect(server) as client:
            client.sendall(length.to_bytes(4))
            assert receive(client) == (8).to_bytes(4) + b"too long"
            assert client.recv(1) == b""


def test_a_client_that_dawdles_is_hung_up_on(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTION_TIMEOUT", 0.05)
    with connect(server) as client:
        client.sendall(b"\0\0")
        assert client.recv(1) == b""


def test_a_client_that_leaves_in_the_middle_harms_nobody(server: Server) -> None:
    with connect(server) as client:
        client.sendall(b"\0\0\0\x10half")
    assert datagram(server, b"hello") == b"Uhello"


def test_connections_are_bounded(server: Server) -> None:
    clients = [connect(server) for _ in range(MAX_CONNECTIONS)]
    for client in clients:
        send(client, b"x")
        assert receive(client) == b"\0\0\0\2Tx"
    with connect(server) as one_too_many:
        assert one_too_many.recv(1) == b""
    for client in clients:
        client.close()
    assert datagram(server, b"hello") == b"Uhello"


def test_datagrams_that_wait_for_an_answer_are_bounded(
    server: Server, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "MAX_PENDING_DATAGRAMS", 2)
    faults.delay = 0.1
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        for _ in range(5):
            client.sendto(b"x", (LOOPBACK, server.port))
        assert [client.recv(10), client.recv(10)] == [b"Ux", b"Ux"]
        with pytest.raises(TimeoutError):
            client.recv(10)


def test_delay_holds_up_each_answer_by_itself(server: Server, faults: Faults) -> None:
    with faults.during(delay=1), pytest.raises(TimeoutError):
        datagram(server, b"hello", timeout=0.05)
    assert datagram(server, b"hello", timeout=0.8) == b"Uhello"


def test_truncate(server: Server, faults: Faults) -> None:
    with faults.during(truncate=3):
        assert datagram(server, b"hello") == b"Uhe"
        with connect(server) as client:
            send(client, b"hello")
            assert receive(client) == b"\0\0\0\6The"
