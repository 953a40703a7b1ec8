from __future__ import annotations

import os
import socket

import pytest

from puregss.acceptor.handoff import MAX_DATAGRAM, MAX_NEWS
from puregss.acceptor.loop import Loop
from puregss.acceptor.packets import Packets, packet_pair
from tests.descriptors import open_descriptors


class End:
    """One end, and what it heard."""

    def __init__(
        self,
        loop: Loop,
        end: socket.socket,
        *,
        most_per_event: int = 1,
        take_fds: bool = False,
        high_water: int | None = None,
    ) -> None:
        self.heard: list[tuple[bytes, int | None]] = []
        self.gone = 0
        self._loop = loop
        self.packets = Packets(
            loop,
            end,
            self._on_datagram,
            self._on_gone,
            most_per_event=most_per_event,
            take_fds=take_fds,
            high_water=high_water,
        )

    def _on_datagram(self, datagram: bytes, fd: int | None) -> None:
        self.heard.append((datagram, fd))
        self._loop.stop()

    def _on_gone(self) -> None:
        self.gone += 1
        self._loop.stop()


def test_the_largest_datagram_and_a_descriptor_pass_together() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    sender, receiver = End(loop, ours), End(loop, theirs, take_fds=True)
    datagram = os.urandom(MAX_DATAGRAM)
    read, write = socket.socketpair()
    sent = []
    sender.packets.send(datagram, write, lambda: sent.append(True))
    assert sent
    loop.run()
    ((heard, fd),) = receiver.heard
    assert heard == datagram
    assert fd is not None
    assert not os.get_inheritable(fd)
    os.write(fd, b"through")
    assert read.recv(10) == b"through"


def test_descriptors_are_not_taken_where_none_are_wanted() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    receiver = End(loop, theirs)
    before = open_descriptors()
    socket.send_fds(ours, [b"unasked"], [0, 1, 2])
    loop.run()
    assert receiver.heard == [(b"unasked", None)]
    assert open_descriptors() == before


def test_a_slow_peer_gets_everything_in_order_and_later() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    sender = End(loop, ours, high_water=100_000)
    sent: list[int] = []
    for number in range(40):
        sender.packets.send(bytes([number]) * 50_000, on_sent=lambda number=number: sent.append(number))  # type: ignore[misc]
    assert 0 < len(sent) < 40
    assert sender.packets.queued == (40 - len(sent)) * 50_000
    receiver = End(loop, theirs)
    while len(receiver.heard) < 40:
        loop.run()
    assert [datagram[0] for datagram, _ in receiver.heard] == sent == list(range(40))
    assert sender.packets.queued == 0


def test_above_the_high_water_mark_nothing_is_read() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    sender = End(loop, ours, high_water=100_000)
    for _ in range(40):
        sender.packets.send(bytes(50_000))
    theirs.send(b"question")
    loop.every(0.05, loop.stop)
    loop.run()
    assert sender.heard == []
    receiver = End(loop, theirs)
    while not sender.heard:
        loop.run()
    assert sender.heard == [(b"question", None)]
    assert receiver.gone == 0


def test_the_end_is_told_once_after_the_last_words() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    receiver = End(loop, theirs)
    ours.send(b"last words")
    ours.close()
    while not receiver.gone:
        loop.run()
    assert receiver.heard == [(b"last words", None)]
    receiver.packets.send(b"to nobody")
    receiver.packets.drain()
    assert receiver.gone == 1


def test_the_last_words_of_a_peer_that_died_with_something_unread_are_heard() -> None:
    """The kernel tells such a death before what the peer still said: acknowledgements, on which a reclaim depends."""
    loop, (ours, theirs) = Loop(), packet_pair()
    receiver = End(loop, theirs)
    receiver.packets.send(b"never read")
    for words in (b"acknowledged 1", b"acknowledged 2"):
        ours.send(words)
    ours.close()
    receiver.packets.drain()
    assert receiver.heard == [(b"acknowledged 1", None), (b"acknowledged 2", None)]
    assert receiver.gone == 1


def test_draining_ends_although_a_child_of_the_dead_peer_goes_on_sending() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    heard, refused = [], []

    def hear(datagram: bytes, fd: int | None) -> None:
        heard.append(datagram)
        try:
            if len(heard) < 100:
                theirs.send(b"the child's")
        except BrokenPipeError:
            refused.append(datagram)

    packets = Packets(loop, ours, hear, lambda: None, most_per_event=1)
    words = [b"acknowledged 1", b"acknowledged 2"]
    for word in words:
        theirs.send(word)
    packets.drain()
    assert heard == refused == words


@pytest.mark.parametrize(("take_fds", "most"), [(True, MAX_DATAGRAM), (False, MAX_NEWS)])
def test_a_datagram_that_is_too_long_comes_cut_off_and_hides_none_behind_it(take_fds: bool, most: int) -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    receiver = End(loop, theirs, take_fds=take_fds)
    ours.send(bytes(most + 1))
    ours.send(b"behind it")
    receiver.packets.drain()
    assert [len(datagram) for datagram, _ in receiver.heard] == [most, len(b"behind it")]
    assert receiver.gone == 1


def test_a_socket_that_was_closed_while_it_waited_is_not_replaced_by_its_successor() -> None:
    """The next file that is opened gets its number, and would be given to the peer in its place."""
    loop, (ours, theirs) = Loop(), packet_pair()
    sender = End(loop, ours)
    while not sender.packets.queued:
        sender.packets.send(bytes(50_000))
    client, _ = socket.socketpair()
    number = client.fileno()
    sender.packets.send(b"hand-off", client)
    client.close()
    successor = os.open("/dev/null", os.O_RDONLY)
    assert successor == number
    receiver = End(loop, theirs, take_fds=True)
    while sender.packets.queued or receiver.heard[-1:] != [(b"hand-off", None)]:
        loop.run()
        assert all(fd is None for _, fd in receiver.heard)
    os.close(successor)


def test_no_more_than_one_descriptor_is_taken() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    receiver = End(loop, theirs, take_fds=True)
    before = open_descriptors()
    socket.send_fds(ours, [b"two"], [0, 1])
    loop.run()
    ((_, fd),) = receiver.heard
    assert fd is not None
    os.close(fd)
    assert open_descriptors() == before


@pytest.mark.parametrize("most_per_event", [1, 32])
def test_one_event_delivers_so_many_datagrams_and_no_more(most_per_event: int) -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    receiver = End(loop, theirs, most_per_event=most_per_event)
    for number in range(40):
        ours.send(bytes([number]))
    loop.stop()
    loop.run()
    assert [datagram[0] for datagram, _ in receiver.heard] == list(range(most_per_event))


def test_what_one_event_delivers_ends_at_the_high_water_mark() -> None:
    loop, (ours, theirs) = Loop(), packet_pair()
    heard = []

    def answer(datagram: bytes, fd: int | None) -> None:
        heard.append(datagram)
        for _ in range(40):
            packets.send(bytes(50_000))

    packets = Packets(loop, ours, answer, loop.stop, most_per_event=32, high_water=100_000)
    for question in (b"first", b"second"):
        theirs.send(question)
    loop.stop()
    loop.run()
    assert heard == [b"first"]


@pytest.mark.parametrize(("with_descriptor", "company", "heard_each_round"), [
    (True, False, [1, 1]),
    (True, True, [2]),
    (False, False, [2]),
])  # fmt: skip
def test_nothing_is_looked_for_behind_a_descriptor_in_a_round_of_its_own(
    with_descriptor: bool, company: bool, heard_each_round: list[int]
) -> None:
    loop, (ours, theirs), (read, write) = Loop(), packet_pair(), os.pipe()
    heard: list[int | None] = []
    rounds: list[int] = []

    def after_round() -> None:
        rounds.append(len(heard) - sum(rounds))
        if len(heard) == 2:
            loop.stop()

    if company:
        loop.watch(read, lambda events: None)
        os.write(write, b"!")
    loop.after_round = after_round
    Packets(loop, theirs, lambda _, fd: heard.append(fd), loop.stop, most_per_event=32, take_fds=True)
    for _ in range(2):
        socket.send_fds(ours, [b"hand-off"], [read] if with_descriptor else [])
    loop.run()
    assert rounds[: len(heard_each_round)] == heard_each_round
    assert [fd is not None for fd in heard] == [with_descriptor] * 2
    for fd in heard:
        if fd is not None:
            os.close(fd)
