"""A front in a thread with real workers, and clients that speak the toy mechanism to it."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from puregss.acceptor.events import Event, What
from puregss.acceptor.front import Front
from puregss.acceptor.settings import Settings
from puregss.system.clock import SystemClock
from tests.acceptor.fakes import FakeContext, reclaim

FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))


class Running:
    """A front that serves in a thread of this process."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = listener.getsockname()
        self.events: list[Event] = []
        self.front = Front(
            listener,
            settings,
            options.pop("make_context", FakeContext),
            options.pop("reclaim", reclaim),
            SystemClock(),
            observe=self.events.append,
            worker_command=options.pop("worker_command", FAKE_WORKER),
            **options,
        )
        self.front.start()
        self.thread = threading.Thread(target=self.front.run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.front.drain()
        self.thread.join(0.2)
        self.front.drain()
        self.thread.join(10)
        assert not self.thread.is_alive()

    @property
    def worker_pids(self) -> list[int]:
        return [worker.pid for worker in self.front._supervisor.workers]

    def count(self, what: What) -> int:
        return sum(event.what is what for event in self.events)

    def connect(self) -> Client:
        return Client(self.address)


@contextmanager
def running(settings: Settings | None = None, **options: Any) -> Iterator[Running]:
    service = Running(settings or Settings(), **options)
    try:
        yield service
    finally:
        service.stop()


class Client:
    """Speaks the length framing."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=10)
        self.stream = self.socket.makefile("rb")

    def send(self, token: bytes) -> None:
        self.socket.sendall(len(token).to_bytes(4, "big") + token)

    def send_many(self, token: bytes, count: int) -> None:
        for _ in range(count):
            self.send(token)

    def receive(self) -> bytes | None:
        """The next frame, or None at the end of the stream."""
        try:
            header = self.stream.read(4)
        except ConnectionResetError:
            return None
        return self.stream.read(int.from_bytes(header, "big")) if header else None

    def ask(self, token: bytes) -> bytes | None:
        self.send(token)
        return self.receive()

    def hello(self, name: str = "alice", key: bytes = b"K") -> Client:
        assert self.ask(b"HELLO %b %b" % (name.encode(), key)) == b"WELCOME"
        return self

    def say(self, message: bytes, key: bytes = b"K") -> bytes | None:
        answer = self.ask(bytes(octet ^ key[0] for octet in message))
        return None if answer is None else bytes(octet ^ key[0] for octet in answer)

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.005)
