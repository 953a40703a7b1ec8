"""Reaching KDCs: the policy by itself, then both drivers against sockets that behave and misbehave."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from puregss.base.errors import GSSError
from puregss.base.mechanism import KdcRequest
from puregss.krb5.messages.error import KrbError, encode_krb_error
from puregss.krb5.principal import tgs_principal
from puregss.system import kdc_transport as policy
from puregss.system.config import Krb5Config
from puregss.system.kdc_transport import KDC_UNREACH, REALM_UNKNOWN, KdcFinder, Lookup, Open, Receive, Send, ask
from puregss.system.kdc_transport_async import AsyncTransport
from puregss.system.kdc_transport_blocking import BlockingTransport
from puregss.system.kdc_transport_dns import SrvRecord
from tests.descriptors import open_descriptors

REALM = "EXAMPLE.TEST"
TOO_BIG = encode_krb_error(KrbError(52, 1, 0, tgs_principal(REALM)))
BUSY = encode_krb_error(KrbError(29, 1, 0, tgs_principal(REALM)))


def config(folder: Path, *kdcs: str, libdefaults: str = "dns_lookup_kdc = no") -> Krb5Config:
    lines = "".join(f"kdc = {kdc}\n" for kdc in kdcs)
    path = folder / "krb5.conf"
    path.write_text(f"[libdefaults]\n{libdefaults}\n[realms]\n{REALM} = {{\n{lines}}}\n")
    return Krb5Config.load([path])


class Net:
    """A network for the policy alone: what each (host, transport) answers; an OSError is raised, None never comes."""

    def __init__(
        self, answers: dict[tuple[str, str], bytes | OSError], records: dict[str, list[SrvRecord]] | None = None
    ):
        self.answers = answers
        self.records = records or {}
        self.opened: list[tuple[str, str]] = []
        self.buffer = b""
        self.sent: list[bytes] = []

    def run(self, asking: policy.Asking) -> bytes:
        try:
            operation = next(asking)
            while True:
                try:
                    result = self.perform(operation)
                except OSError as error:
                    operation = asking.throw(error)
                else:
                    operation = asking.send(result)
        except StopIteration as end:
            answer: bytes = end.value
            return answer

    def perform(self, operation: policy.Operation) -> Any:
        match operation:
            case Lookup(name):
                return self.records.get(name, [])
            case Open(host, _, transport):
                self.opened.append((host, transport))
                answer = self.answers.get((host, transport), TimeoutError())
                if isinstance(answer, OSError):
                    raise answer
                self.buffer = answer if transport == "udp" else len(answer).to_bytes(4) + answer
            case Send(data):
                self.sent.append(data)
            case Receive(size):
                octets, self.buffer = self.buffer[:size], self.buffer[size:]
                return octets
        return None


def test_a_small_request_goes_by_udp(tmp_path: Path) -> None:
    net = Net({("one", "udp"): b"answer"})
    assert net.run(ask(KdcFinder(config(tmp_path, "one", "two")), REALM, b"request")) == b"answer"
    assert net.opened == [("one", "udp")]
    assert net.sent == [b"request"]


def test_a_big_request_goes_by_tcp(tmp_path: Path) -> None:
    net = Net({("one", "tcp"): b"answer"})
    assert net.run(ask(KdcFinder(config(tmp_path, "one")), REALM, bytes(1466))) == b"answer"
    assert net.opened == [("one", "tcp")]
    assert net.sent == [b"\0\0\x05\xba" + bytes(1466)]


def test_the_limit_is_the_configurations(tmp_path: Path) -> None:
    net = Net({("one", "tcp"): b"answer"})
    settings = config(tmp_path, "one", libdefaults="udp_preference_limit = 1\ndns_lookup_kdc = no")
    net.run(ask(KdcFinder(settings), REALM, b"request"))
    assert net.opened == [("one", "tcp")]


def test_an_answer_too_big_for_udp_is_fetched_by_tcp_from_the_same_kdc(tmp_path: Path) -> None:
    net = Net({("one", "udp"): TOO_BIG, ("one", "tcp"): b"answer", ("two", "udp"): b"other"})
    assert net.run(ask(KdcFinder(config(tmp_path, "one", "two")), REALM, b"request")) == b"answer"


def test_every_kdc_is_asked_before_patience_is_shown(tmp_path: Path) -> None:
    net = Net({("two", "tcp"): b"answer"})
    assert net.run(ask(KdcFinder(config(tmp_path, "one", "two")), REALM, b"request")) == b"answer"
    assert net.opened == [("one", "udp"), ("two", "udp"), ("one", "tcp"), ("two", "tcp")]


def test_a_busy_kdc_is_left_for_the_next(tmp_path: Path) -> None:
    net = Net({("one", "udp"): BUSY, ("two", "udp"): b"answer"})
    assert net.run(ask(KdcFinder(config(tmp_path, "one", "two")), REALM, b"request")) == b"answer"


def test_who_answered_last_is_asked_first(tmp_path: Path) -> None:
    finder = KdcFinder(config(tmp_path, "one", "two"))
    net = Net({("two", "udp"): b"answer"})
    net.run(ask(finder, REALM, b"request"))
    net.run(ask(finder, REALM, b"request"))
    assert net.opened == [("one", "udp"), ("two", "udp"), ("two", "udp")]


def test_transports_named_in_the_configuration_are_kept_to(tmp_path: Path) -> None:
    net = Net({("one", "tcp"): b"answer"})
    net.run(ask(KdcFinder(config(tmp_path, "tcp/one")), REALM, b"request"))
    assert net.opened == [("one", "tcp")]


def test_dns_names_the_kdcs_where_the_file_does_not(tmp_path: Path) -> None:
    records = {
        f"_kerberos._udp.{REALM}.": [(20, 0, "late", 88), (10, 1, "light", 88), (10, 9, "heavy", 750)],
        f"_kerberos._tcp.{REALM}.": [(0, 0, "stream", 88)],
    }
    net = Net({}, records)
    with pytest.raises(GSSError):
        net.run(ask(KdcFinder(config(tmp_path, libdefaults="")), REALM, b"request"))
    assert net.opened[:4] == [("heavy", "udp"), ("light", "udp"), ("late", "udp"), ("stream", "tcp")]


def test_an_unknown_realm(tmp_path: Path) -> None:
    with pytest.raises(GSSError, match=r"no KDC of realm EXAMPLE\.TEST is known: name one .*krb5\.conf") as caught:
        Net({}).run(ask(KdcFinder(config(tmp_path)), REALM, b"request"))
    assert caught.value.minor == REALM_UNKNOWN


def test_an_unreachable_realm_says_what_was_tried(tmp_path: Path) -> None:
    net = Net({("one", "udp"): ConnectionRefusedError(111, "Connection refused"), ("one", "tcp"): b""})
    with pytest.raises(GSSError) as caught:
        net.run(ask(KdcFinder(config(tmp_path, "one:750", "[2001:db8::1]")), REALM, b"request"))
    assert caught.value.minor == KDC_UNREACH
    for words in (
        "no KDC of realm EXAMPLE.TEST can be reached",
        "one:750 (udp): connection refused",
        "one:750 (tcp): it sends an empty answer",
        "[2001:db8::1]:88 (udp): no answer in time",
        "[2001:db8::1]:88 (tcp): no answer in time",
        "krb5.conf",
    ):
        assert words in caught.value.message


def test_a_huge_answer_is_not_waited_for(tmp_path: Path) -> None:
    finder = KdcFinder(config(tmp_path, "tcp/one"))
    asking = ask(finder, REALM, b"request")
    assert isinstance(next(asking), Open)
    asking.send(None)
    asking.send(None)
    with pytest.raises(GSSError, match="announces an answer of 4294967295 octets"):
        asking.send(b"\xff\xff\xff\xff")


# -- the drivers --


@contextmanager
def kdc(udp: Callable[[bytes], bytes | None], tcp: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """A KDC on loopback; the functions turn a request (with its length, for TCP) into octets to send, None: silence."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        port: int = listener.getsockname()[1]
        datagrams.bind(("127.0.0.1", port))

        def serve_udp() -> None:
            while True:
                octets, address = datagrams.recvfrom(65535)
                if octets == b"stop":
                    return
                if (answer := udp(octets)) is not None:
                    datagrams.sendto(answer, address)

        def serve_tcp() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    octets = connection.recv(65535)
                    if octets == b"stop":
                        return
                    if (answer := tcp(octets)) is not None:
                        connection.sendall(answer)

        threads = [threading.Thread(target=serve, daemon=True) for serve in (serve_udp, serve_tcp)]
        for thread in threads:
            thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
                stopper.sendto(b"stop", ("127.0.0.1", port))
            with socket.create_connection(("127.0.0.1", port)) as stopper:
                stopper.sendall(b"stop")
            for thread in threads:
                thread.join(5)


def blocking(settings: Krb5Config, message: bytes) -> bytes:
    return BlockingTransport(settings).exchange(KdcRequest(REALM, message))


def with_asyncio(settings: Krb5Config, message: bytes) -> bytes:
    return asyncio.run(AsyncTransport(settings).exchange(KdcRequest(REALM, message)))


DRIVERS = pytest.mark.parametrize("exchange", [blocking, with_asyncio])
Driver = Callable[[Krb5Config, bytes], bytes]


@DRIVERS
def test_udp(tmp_path: Path, exchange: Driver) -> None:
    with kdc(lambda octets: b"answer to " + octets, lambda octets: None) as port:
        assert exchange(config(tmp_path, f"127.0.0.1:{port}"), b"it") == b"answer to it"


@DRIVERS
def test_tcp_after_udp(tmp_path: Path, exchange: Driver) -> None:
    answer = os.urandom(100_000)
    with kdc(lambda octets: TOO_BIG, lambda octets: len(answer).to_bytes(4) + answer) as port:
        assert exchange(config(tmp_path, f"localhost:{port}"), b"it") == answer


@DRIVERS
def test_nobody_there(tmp_path: Path, exchange: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings = config(tmp_path, f"127.0.0.1:{port}", f"{'a' * 70}.test")
    with pytest.raises(GSSError, match=rf"127\.0\.0\.1:{port} \(udp\): connection refused") as caught:
        exchange(settings, b"it")
    assert f"127.0.0.1:{port} (tcp): connect" in caught.value.message


@DRIVERS
def test_silence_ends_in_time(tmp_path: Path, exchange: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_ROUNDS", (("udp", 0.05), ("tcp", 0.05)))
    held = threading.Event()

    def silence(octets: bytes) -> None:
        held.wait(5)

    with kdc(lambda octets: None, silence) as port:
        with pytest.raises(GSSError, match=r"\(udp\): no answer in time; .* \(tcp\): no answer in time"):
            exchange(config(tmp_path, f"127.0.0.1:{port}"), b"it")
        held.set()


@DRIVERS
@pytest.mark.parametrize("octets", [b"", b"\0\0", b"\0\0\0\x09short", b"\xff\xff\xff\xff", b"\x80\0\0\x01x"])
def test_broken_streams(tmp_path: Path, exchange: Driver, octets: bytes) -> None:
    with kdc(lambda _: TOO_BIG, lambda _: octets) as port, pytest.raises(GSSError, match=r"\(tcp\): it "):
        exchange(config(tmp_path, f"127.0.0.1:{port}"), b"it")


def test_cancelling_closes_the_socket(tmp_path: Path) -> None:
    async def impatient(settings: Krb5Config) -> None:
        await asyncio.wait_for(AsyncTransport(settings).exchange(KdcRequest(REALM, b"it")), 0.05)

    with kdc(lambda octets: None, lambda octets: None) as port:
        before = open_descriptors()
        with pytest.raises(TimeoutError):
            asyncio.run(impatient(config(tmp_path, f"127.0.0.1:{port}")))
        assert open_descriptors() == before
