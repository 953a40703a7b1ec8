from __future__ import annotations

import contextlib
import itertools
import socket
import time

import pytest

from puregss.acceptor.handlers import Handler
from puregss.acceptor.handoff import (
    MAX_NEWS,
    Acknowledged,
    Closed,
    Data,
    Drain,
    HandOff,
    Message,
    Start,
    decode_datagram,
    encode_message,
)
from puregss.acceptor.packets import packet_pair
from puregss.acceptor.peer import Peer, peer_of
from puregss.acceptor.worker_loop import PATIENCE, Worker
from tests.acceptor.fakes import FakeContext

PEER = peer_of(FakeContext("alice"), "unix", 1)
KEY = b"\0"
QUESTION = b"\0\0\0\5hello"
"""In the length framing, and as the toy mechanism with KEY protects it."""


def echo(message: bytes, peer: Peer) -> bytes:
    return message


def employ(handler: Handler, idle_timeout: float = 60.0) -> tuple[Worker, socket.socket]:
    """A worker in this process, and the front's end of its channel."""
    front, end = packet_pair()
    front.setblocking(False)
    start = Start(b"", "", "length", 1000, idle_timeout, "")
    return Worker(end, start, handler, lambda token: FakeContext("alice", token)), front


def hand_over(front: socket.socket, number: int, leftover: bytes = b"", client: socket.socket | None = None) -> None:
    datagram = encode_message(HandOff(number, KEY, leftover, PEER, relayed=client is None))
    socket.send_fds(front, [datagram], [] if client is None else [client.fileno()])


def told(front: socket.socket) -> list[Message]:
    """What the worker has told the front."""
    messages: list[Message] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            messages += decode_datagram(front.recv(MAX_NEWS))
    return messages


def run_one_round(worker: Worker) -> None:
    worker.loop.stop()
    worker.loop.run()


class HandClock:
    """The monotonic clock, moved by hand, and by a handler that takes 100 s for each message."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: self.time)

    def slow(self, message: bytes, peer: Peer) -> bytes:
        self.time += 100
        return message


def test_a_context_is_not_used_before_its_acknowledgement_has_left_however_full_the_outbox_is() -> None:
    """Until then the front may reclaim it, and it would live twice."""
    heard: list[Message] = []
    heard_at_use: list[list[Message]] = []

    def handler(message: bytes, peer: Peer) -> bytes:
        heard.extend(told(front))
        heard_at_use.append(list(heard))
        return message

    worker, front = employ(handler)
    filler = MAX_NEWS - 5 - len(encode_message(Data(0, b"")))
    worker.tell(Data(0, bytes(filler)))
    hand_over(front, 1, QUESTION)
    for _ in range(2):  # the acknowledgement may have to wait until the front has read the full outbox
        run_one_round(worker)
        heard += told(front)
    assert [Acknowledged(1) in messages for messages in heard_at_use] == [True]


def test_each_connection_begins_with_its_own_acknowledgement() -> None:
    """Also where the front is slow to read, and their datagrams wait behind each other."""
    heard: list[Message] = []
    early: list[int] = []

    def handler(message: bytes, peer: Peer) -> bytes:
        heard.extend(told(front))
        if Acknowledged(message[0]) not in heard:
            early.append(message[0])
        return message

    worker, front = employ(handler)
    while not worker._front.queued:
        worker.tell(Data(0, bytes(40_000)))
        worker._flush()
    for number in (1, 2):
        hand_over(front, number, b"\0\0\0\1" + bytes([number]))
        run_one_round(worker)
    while worker._front.queued:
        heard += decode_datagram(front.recv(MAX_NEWS))
        run_one_round(worker)
    assert Acknowledged(2) in heard + told(front)
    assert not early


def test_hand_offs_that_wait_behind_each_other_are_acknowledged_in_one_round() -> None:
    """A round may be long: it serves every client that is ready, and each may keep the handler busy."""
    worker, front = employ(echo)
    for number in range(20):
        hand_over(front, number)
    run_one_round(worker)
    assert told(front) == [Acknowledged(number) for number in range(20)]


def test_hand_offs_are_acknowledged_before_a_handler_may_take_its_time() -> None:
    """Were one read in each round, and each brought a question, the last would wait for all handlers before it."""
    acknowledged: list[int] = []

    def handler(message: bytes, peer: Peer) -> bytes:
        acknowledged.append(len(told(front)))
        worker.loop.stop()
        return message

    worker, front = employ(handler)
    clients = [socket.socketpair() for _ in range(20)]
    for number, (_, theirs) in enumerate(clients):
        theirs.setblocking(False)
        hand_over(front, number, QUESTION, theirs)
    worker.loop.run()
    assert acknowledged[0] == 20
    for end in itertools.chain(*clients):
        end.close()


@pytest.mark.parametrize("asked", ["with its hand-off", "later"])
@pytest.mark.parametrize("topology", ["connection", "relay"])
def test_the_time_that_a_handler_takes_is_not_the_silence_of_its_client(
    topology: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock(monkeypatch)
    worker, front = employ(clock.slow, idle_timeout=60)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    hand_over(front, 1, QUESTION if asked == "with its hand-off" else b"", theirs if topology == "connection" else None)
    run_one_round(worker)
    if asked == "later":
        if topology == "connection":
            ours.send(QUESTION)
        else:
            front.send(encode_message(Data(1, QUESTION)))
        run_one_round(worker)
    told(front)
    for seconds, closed in ((0, []), (59, []), (2, [Closed(1, "idle for 60 s")])):
        clock.time += seconds
        run_one_round(worker)
        assert told(front) == closed


def test_the_time_that_another_client_takes_is_not_the_silence_of_one_who_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = HandClock(monkeypatch)
    worker, front = employ(clock.slow, idle_timeout=60)
    first, second = (socket.socketpair() for _ in range(2))
    for number, (_, theirs) in enumerate((first, second), 1):
        theirs.setblocking(False)
        if number == 2:
            first[0].send(QUESTION)  # is served in the round that hands over the second, and before
        hand_over(front, number, client=theirs)
        run_one_round(worker)
        run_one_round(worker)  # which looks who is idle, and forgets that the channel was ready first
    assert told(front) == [Acknowledged(1), Acknowledged(2)]


def test_the_news_of_an_orderly_end_goes_with_the_next_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or after PATIENCE: the front is not woken for each."""
    clock = HandClock(monkeypatch)
    worker, front = employ(echo)
    for number in (1, 2):
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        hand_over(front, number, client=theirs)
        run_one_round(worker)
        news = [Closed(number - 1)] if number > 1 else []
        assert decode_datagram(front.recv(MAX_NEWS)) == [*news, Acknowledged(number)]
        ours.close()
        run_one_round(worker)
        assert told(front) == []
    clock.time += PATIENCE
    run_one_round(worker)
    assert told(front) == [Closed(2)]


def test_what_is_no_orderly_end_is_told_at_once() -> None:
    worker, front = employ(echo)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    hand_over(front, 1, client=theirs)
    run_one_round(worker)
    ours.send(b"\0\0\0\6FORGED")
    run_one_round(worker)
    assert told(front) == [Acknowledged(1), Closed(1, "A token was invalid: forged")]


def test_a_worker_tells_all_ends_before_it_leaves() -> None:
    worker, front = employ(echo)
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    hand_over(front, 1, client=theirs)
    front.send(encode_message(Drain(60.0)))
    run_one_round(worker)
    ours.close()
    worker.loop.run()
    assert told(front) == [Acknowledged(1), Closed(1)]
