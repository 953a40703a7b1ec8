"""RFC 2743 §2.2.8, §2.2.9 between processes: which worker gets a context, and what becomes of it when one dies.

A context on its way is in `under_way` of exactly one worker until that worker acknowledges it. If
the worker dies first, the front imports its own token again (the worker's death is certain by then
and every acknowledgement it sent was read) and chooses another worker. From the acknowledgement on
the front has neither context nor key, and what the worker holds dies with it.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from puregss.acceptor.events import Counters, Event, Observer, What
from puregss.acceptor.framing import Framing
from puregss.acceptor.handoff import MAX_DATAGRAM, Acknowledged, Closed, Data, HandOff, Refused, encode_message
from puregss.acceptor.loop import Loop
from puregss.acceptor.peer import Peer
from puregss.acceptor.relayed import RelayedClient
from puregss.acceptor.settings import Settings
from puregss.acceptor.supervisor import WorkerProcess
from puregss.acceptor.wording import plain
from puregss.base.errors import GSSError
from puregss.base.made import made
from puregss.transfer.channel import ChannelSender

log = logging.getLogger("puregss.acceptor")

MOST_UNDER_WAY: Final = 512
"""Hand-offs that one worker may owe an acknowledgement for; a channel lets twice as many tokens be under way."""
TOKEN_TTL: Final = 3600.0
"""Seconds. A token can be opened by one worker only, and its key ends with the acknowledgement or the worker."""


class TransferableContext(Protocol):
    """An established context in the front's hands."""

    def export(self, domain: Any, ttl: float) -> bytes: ...
    def delete(self) -> None: ...


Reclaim = Callable[[bytes, ChannelSender], TransferableContext]
"""Imports the front's own token again after its worker's death."""


@dataclass(slots=True, eq=False)
class HandOver:
    """A connection whose context is established and not yet held by a worker."""

    number: int
    socket: socket.SocketType
    peer: Peer
    framing: Framing
    deadline: float
    """When to give up, if no worker takes it."""
    context: TransferableContext | None
    """None while it is sealed in `token`."""
    leftover: bytes
    """What the client sent behind its last context token."""
    token: bytes = field(default=b"", repr=False)
    sent_at: float = 0.0

    def drop(self) -> None:
        """End the connection and forget the context."""
        if self.context is not None:
            self.context.delete()
        self.socket.close()


@dataclass(slots=True, eq=False)
class _Load:
    """What one worker has of ours."""

    under_way: dict[int, HandOver] = field(default_factory=dict)
    """By number, the longest under way first."""
    held: dict[int, Peer] = field(default_factory=dict)


class Dispatcher:
    """Hands connections over to workers and keeps account of them."""

    def __init__(
        self, loop: Loop, settings: Settings, counters: Counters, observe: Observer | None, reclaim: Reclaim
    ) -> None:
        self.loop = loop
        self._settings, self._counters, self._observe, self._reclaim = settings, counters, observe, reclaim
        self._relay = settings.topology == "relay"
        self._loads: dict[WorkerProcess, _Load] = {}
        self._waiting: deque[HandOver] = deque()  # until a worker has room, in the order to send them in
        self._relayed: dict[int, RelayedClient] = {}
        self.connections = 0
        """How many clients are waiting for a worker, on their way to one, or with one."""

    # Towards workers

    def add_worker(self, worker: WorkerProcess) -> None:
        """The worker is ready."""
        self._loads.setdefault(worker, _Load())  # said twice, it must not make us forget what the worker has
        self._send_waiting()

    def take(self, hand_over: HandOver) -> None:
        """Send the context to the worker with the fewest connections, or keep it until one has room."""
        self.connections += 1
        self._waiting.append(hand_over)  # behind those who wait: newcomers do not overtake them
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and (worker := self._least_loaded()) is not None:
            self._send(self._waiting.popleft(), worker)

    def _send(self, hand_over: HandOver, worker: WorkerProcess) -> None:
        number, context, peer = hand_over.number, hand_over.context, hand_over.peer
        assert context is not None
        try:
            hand_over.token = token = context.export(worker.sender, TOKEN_TTL)
        except GSSError as error:
            self._give_up(hand_over, f"its context could not be exported: {error}")
            return
        hand_over.context = None
        datagram = encode_message(made(HandOff, (number, token, hand_over.leftover, peer, self._relay)))
        if len(datagram) > MAX_DATAGRAM:  # no worker could read it, and it would go from each to the next
            worker.sender.acknowledged(token)
            self._give_up(hand_over, "its context is too large to be handed to a worker")
            return
        hand_over.sent_at = self.loop.now
        self._loads[worker].under_way[number] = hand_over
        worker.packets.send(datagram, None if self._relay else hand_over.socket)
        if self._observe is not None:
            self._tell(What.SENT, number, peer, worker)

    def _least_loaded(self) -> WorkerProcess | None:
        chosen, fewest = None, sys.maxsize
        for worker, load in self._loads.items():
            under_way = len(load.under_way)
            if (connections := under_way + len(load.held)) < fewest and under_way < MOST_UNDER_WAY:
                chosen, fewest = worker, connections
        return chosen

    def _give_up(self, hand_over: HandOver, reason: str) -> None:
        hand_over.drop()
        peer = hand_over.peer
        self.connections -= 1
        self._counters.refused += 1
        log.warning("%s %s refused: %s", peer.address, plain(peer.initiator), plain(reason))
        self._tell(What.REFUSED, hand_over.number, peer, None, reason)

    def _tell(self, what: What, number: int, peer: Peer, worker: WorkerProcess | None, detail: str = "") -> None:
        # Who comes by here for every connection asks first: the member of the enumeration alone takes 0.2 us to find.
        if self._observe is not None:
            self._observe(Event(what, number, peer.address, worker.pid if worker else 0, peer, detail))

    # From workers. A worker can name its own connections only: every number is looked up in its own load.

    def on_acknowledged(self, worker: WorkerProcess, message: Acknowledged) -> None:
        number, load = message.connection, self._loads.get(worker)
        if load is None or (hand_over := load.under_way.pop(number, None)) is None:
            return
        worker.sender.acknowledged(hand_over.token)
        load.held[number] = peer = hand_over.peer
        self._counters.handed_over += 1
        if log.isEnabledFor(logging.INFO):
            log.info(
                "%s %s for %s, %s, handed to worker %d",
                peer.address, plain(peer.initiator), plain(peer.acceptor), peer.enctype, worker.pid,
            )  # fmt: skip
        if self._observe is not None:
            self._tell(What.HELD, number, peer, worker)
        if self._relay:
            relayed = RelayedClient(self, number, hand_over.socket, hand_over.framing, worker)
            self._relayed[number] = relayed
            relayed.begin()
        else:
            hand_over.socket.close()
        if self._waiting:
            self._send_waiting()

    def on_refused(self, worker: WorkerProcess, message: Refused) -> None:
        load = self._loads.get(worker)
        if load is not None and (hand_over := load.under_way.pop(message.connection, None)) is not None:
            worker.sender.acknowledged(hand_over.token)
            self._give_up(hand_over, f"worker {worker.pid} could not import its context: {message.reason}")
            self._send_waiting()

    def on_data(self, worker: WorkerProcess, message: Data) -> None:
        load = self._loads.get(worker)
        if load is not None and message.connection in load.held and message.connection in self._relayed:
            self._relayed[message.connection].send(message.octets)

    def on_closed(self, worker: WorkerProcess, message: Closed) -> None:
        number, reason, load = message.connection, message.reason, self._loads.get(worker)
        if load is None or (peer := load.held.pop(number, None)) is None:
            return
        self.connections -= 1
        self._counters.closed += 1
        if reason:
            log.warning("%s %s closed by worker %d: %s", peer.address, plain(peer.initiator), worker.pid, plain(reason))
        if self._observe is not None:
            self._tell(What.CLOSED, number, peer, worker, reason)
        if number in self._relayed:
            self._relayed[number].finish(orderly=not reason)

    def on_relay_closed(self, relayed: RelayedClient) -> None:
        self._relayed.pop(relayed.number, None)

    def on_worker_gone(self, worker: WorkerProcess, how: str) -> None:
        """Certainly dead: what it held is lost, what it had not acknowledged goes to another."""
        load = self._loads.pop(worker, None)
        if load is None:
            return
        for number, peer in load.held.items():
            self.connections -= 1
            self._counters.lost += 1
            self._tell(What.LOST, number, peer, worker, how)
            if number in self._relayed:
                self._relayed[number].close()
        if load.held or load.under_way or not worker.draining:
            log.warning(
                "worker %d %s: %d connections lost with it, %d contexts reclaimed",
                worker.pid, how, len(load.held), len(load.under_way),
            )  # fmt: skip
        reclaimed = [hand_over for hand_over in load.under_way.values() if self._take_back(worker, hand_over)]
        self._waiting.extendleft(reversed(reclaimed))  # they were there before those who wait
        self._send_waiting()

    def _take_back(self, worker: WorkerProcess, hand_over: HandOver) -> bool:
        """Whether the context could be reclaimed."""
        try:
            hand_over.context = self._reclaim(hand_over.token, worker.sender)
        except GSSError as error:
            self._give_up(hand_over, f"its context could not be reclaimed: {error}")
            return False
        hand_over.token = b""
        self._counters.reclaimed += 1
        self._tell(What.RECLAIMED, hand_over.number, hand_over.peer, worker)
        return True

    # Time

    def sweep(self, now: float) -> None:
        """Act on what took too long."""
        for hand_over in [each for each in self._waiting if each.deadline < now]:
            self._waiting.remove(hand_over)
            self._give_up(hand_over, "no worker was there to take it")
        late = now - self._settings.limits.acknowledge
        for worker, load in self._loads.items():
            oldest = next(iter(load.under_way.values()), None)
            if oldest is not None and oldest.sent_at < late:
                log.error("worker %d does not acknowledge hand-offs and is killed", worker.pid)
                oldest.sent_at = now  # the others need no second kill while its death is on the way
                worker.kill()
        for relayed in [relayed for relayed in self._relayed.values() if relayed.deadline < now]:
            relayed.close()

    def close(self) -> None:
        """The end: whoever is still without a worker is sent away."""
        while self._waiting:
            self._give_up(self._waiting.popleft(), "the acceptor is shutting down")
        for relayed in list(self._relayed.values()):
            relayed.close()
