from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from puregss.acceptor import dispatch
from puregss.acceptor.dispatch import Dispatcher, HandOver
from puregss.acceptor.events import Counters
from puregss.acceptor.framing_length import LengthFraming
from puregss.acceptor.handoff import Acknowledged, HandOff, Refused, decode_datagram
from puregss.acceptor.loop import Loop
from puregss.acceptor.peer import peer_of
from puregss.acceptor.settings import Settings
from puregss.acceptor.supervisor import WorkerProcess
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelSender
from tests.acceptor.fakes import FakeContext, reclaim

PEER = peer_of(FakeContext("alice"), "unix", 1)


class Office:
    """A dispatcher, workers that do only what the test says, and the numbers of what was sent to each."""

    opened: list[Office] = []  # noqa: RUF012  # closed after each test

    def __init__(self, workers: int) -> None:
        self.opened.append(self)
        self.clients: list[socket.socket] = []
        self.dispatcher = Dispatcher(Loop(), Settings(), Counters(), None, reclaim)
        self.sent: list[list[int]] = [[] for _ in range(workers)]
        self.workers = [cast(WorkerProcess, FakeWorker(sent)) for sent in self.sent]
        for worker in self.workers:
            self.dispatcher.add_worker(worker)

    def take(self, *numbers: int) -> None:
        for number in numbers:
            client, _ = socket.socketpair()
            self.clients.append(client)
            framing = LengthFraming(100, False)
            context = FakeContext("alice", b"K")
            self.dispatcher.take(HandOver(number, client, PEER, framing, float("inf"), context, b""))

    def acknowledge(self, worker: int, number: int) -> None:
        self.dispatcher.on_acknowledged(self.workers[worker], Acknowledged(number))

    def refuse(self, worker: int, number: int) -> None:
        self.dispatcher.on_refused(self.workers[worker], Refused(number, "cannot"))

    def close(self) -> None:
        self.dispatcher.loop.close()
        for client in self.clients:
            client.close()

    def bury(self, worker: int) -> None:
        self.workers[worker].sender.worker_died()
        self.dispatcher.on_worker_gone(self.workers[worker], "died")


class FakeWorker:
    draining = False
    pid = 1

    def __init__(self, sent: list[int]) -> None:
        self.sender = ChannelSender(os.urandom(32), SystemClock())
        self.packets = self
        self._sent = sent

    def send(self, datagram: bytes, file: Any) -> None:
        (message,) = decode_datagram(datagram)
        assert isinstance(message, HandOff)
        self._sent.append(message.connection)


@pytest.fixture(autouse=True)
def _room_for_two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(dispatch, "MOST_UNDER_WAY", 2)
    yield
    while Office.opened:
        Office.opened.pop().close()


def test_those_who_wait_are_sent_in_order_as_soon_as_there_is_room_and_no_newcomer_overtakes_them() -> None:
    office = Office(workers=1)
    office.take(1, 2, 3, 4, 5)
    assert office.sent == [[1, 2]]
    office.acknowledge(0, 1)
    assert office.sent == [[1, 2, 3]]
    office.refuse(0, 2)
    assert office.sent == [[1, 2, 3, 4]]
    office.take(6)
    office.acknowledge(0, 3)
    office.acknowledge(0, 4)
    assert office.sent == [[1, 2, 3, 4, 5, 6]]


def test_what_a_dead_worker_left_goes_before_those_who_wait() -> None:
    office = Office(workers=2)
    office.take(1, 2, 3, 4, 5)
    assert office.sent == [[1, 3], [2, 4]]
    office.acknowledge(0, 1)
    assert office.sent == [[1, 3, 5], [2, 4]]
    office.take(6)
    office.bury(0)
    assert office.sent[1] == [2, 4]
    for number in (2, 4, 3, 5):
        office.acknowledge(1, number)
    assert office.sent[1] == [2, 4, 3, 5, 6]
    assert office.dispatcher.connections == 5  # the first was held by the worker that died


def test_what_the_last_worker_left_goes_first_to_the_next_one() -> None:
    office = Office(workers=1)
    office.take(1, 2, 3)
    other: list[int] = []
    office.bury(0)
    office.dispatcher.add_worker(cast(WorkerProcess, FakeWorker(other)))
    assert other == [1, 2]


def test_who_waited_too_long_is_sent_away_wherever_he_stands() -> None:
    """What a dead worker left goes in front of those who wait, whatever its deadline."""
    office = Office(workers=1)
    office.take(1, 2, 3)
    office.dispatcher._waiting[0].deadline = time.monotonic() - 1
    office.bury(0)
    office.dispatcher.sweep(time.monotonic())
    assert [hand_over.number for hand_over in office.dispatcher._waiting] == [1, 2]
    assert office.dispatcher.connections == 2


def test_the_end_gives_up_what_the_last_worker_left() -> None:
    office = Office(workers=1)
    office.take(1, 2, 3)
    office.bury(0)
    office.dispatcher.close()
    assert office.dispatcher.connections == 0
