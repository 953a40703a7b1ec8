"""Process 1 of the programming guide's Figure 1-10: listens, establishes, authorizes, hands over."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from puregss.acceptor.candidate import AcceptingContext, Candidate
from puregss.acceptor.dispatch import Dispatcher, HandOver, Reclaim
from puregss.acceptor.events import Counters, Event, Observer, What
from puregss.acceptor.framings import FRAMINGS
from puregss.acceptor.handoff import Acknowledged, Closed, Data, Failed, Message, Ready, Refused
from puregss.acceptor.loop import Loop
from puregss.acceptor.peer import Peer, peer_of
from puregss.acceptor.settings import AcceptorError, Settings
from puregss.acceptor.supervisor import COMMAND, Supervisor, WorkerProcess
from puregss.acceptor.wording import plain
from puregss.base.errors import GSSError
from puregss.base.ports import Clock

log = logging.getLogger("puregss.acceptor")

START_TIMEOUT: Final = 60.0
"""Seconds for the workers to load their handler."""

Authorize = Callable[[Peer], bool]
MakeContext = Callable[[], AcceptingContext]


def anybody(peer: Peer) -> bool:
    """The authorization that lets in every authenticated client."""
    return True


class Front:
    """The acceptor process. `start`, then `run` until somebody calls `drain`.

    `make_context` gives a fresh accepting context for each client, `reclaim` imports a token of the
    front's own again; `authorize` decides about each authenticated client, `observe` is told every
    turn of every connection, and `clock` is what tokens are dated with.
    """

    def __init__(
        self,
        listener: socket.socket,
        settings: Settings,
        make_context: MakeContext,
        reclaim: Reclaim,
        clock: Clock,
        *,
        authorize: Authorize = anybody,
        observe: Observer | None = None,
        worker_command: Sequence[str] = COMMAND,
    ) -> None:
        self.loop = Loop()
        self.counters = Counters()
        self._listener, self._settings, self._limits = listener, settings, settings.limits
        self._make_context, self._authorize, self._observe = make_context, authorize, observe
        self._family = int(listener.family)
        self._relay = settings.topology == "relay"
        self._framing = FRAMINGS[settings.framing]
        self._dispatcher = Dispatcher(self.loop, settings, self.counters, observe, reclaim)
        self._supervisor = Supervisor(self.loop, settings, self, clock, worker_command)
        self._on_message: dict[type[Message], Callable[[WorkerProcess, Any], None]] = {
            Acknowledged: self._dispatcher.on_acknowledged,
            Closed: self._on_closed,
            Data: self._dispatcher.on_data,
            Refused: self._dispatcher.on_refused,
            Ready: self._on_ready,
            Failed: self._on_failed,
        }
        self._candidates: dict[int, Candidate] = {}
        self._pid = os.getpid()
        self._listening = False
        self._starting = True
        self._draining = False
        self._stop_at = float("inf")
        self._failure = ""

    # Life

    def start(self) -> None:
        """Start the workers, wait until they are ready, and listen. AcceptorError if they cannot work."""
        self._stop_at = time.monotonic() + START_TIMEOUT
        self._supervisor.start()
        self.loop.every(0.5, self._sweep)
        self.loop.run()
        self._starting = False
        self._stop_at = float("inf")
        if self._failure or self._draining:
            self._supervisor.kill_all()
            raise AcceptorError(self._failure or "the acceptor was stopped before its workers were ready")
        self._listener.setblocking(False)
        if self._listener.family != socket.AF_UNIX:
            # Accepted sockets inherit it. Answers are written whole; waiting for more to send would only delay them.
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Who connects is to speak first, and is told of when it has (tcp(7)), or a second later.
            self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
        self._listen(True)

    def run(self) -> None:
        """Serve until drained. Afterwards no worker is left."""
        try:
            self.loop.run()
        finally:
            self._listener.close()
            for candidate in list(self._candidates.values()):
                candidate.close()
            self._supervisor.kill_all()
            self._dispatcher.close()  # behind the last deaths: what they leave unacknowledged is given up here
            self.loop.close()

    def drain(self) -> None:
        """Stop: no new clients, the others may finish within `limits.drain`. Called again: at once. From any thread."""
        self.loop.call_soon(self._drain)

    def _drain(self) -> None:
        if self._draining or self._starting:
            self._draining = True
            self.loop.stop()
            return
        self._draining = True
        self._listen(False)
        self._listener.close()
        for candidate in list(self._candidates.values()):
            candidate.refuse("the acceptor is shutting down")
        self._supervisor.drain(self._limits.drain)
        self._stop_at = self.loop.now + self._limits.drain + 2.0
        self._stop_if_done()

    def _stop_if_done(self) -> None:
        if self._draining and not self._supervisor.workers:
            self.loop.stop()

    def _sweep(self) -> None:
        now = self.loop.now
        for candidate in list(self._candidates.values()):
            if candidate.deadline > now:
                break  # they are in the order of their deadlines
            candidate.refuse(f"the handshake took longer than {self._limits.handshake:g} s")
            candidate.close()
        self._dispatcher.sweep(now)
        if now > self._stop_at:
            if self._starting:
                self._failure = f"the workers were not ready within {START_TIMEOUT:g} s"
            self.loop.stop()
        self._listen_if_room()

    # Clients

    def _listen(self, wanted: bool) -> None:
        if wanted != self._listening:
            self._listening = wanted
            if wanted:
                self.loop.watch(self._listener.fileno(), self._on_client)
            else:
                self.loop.forget(self._listener.fileno())

    def _has_room(self) -> bool:
        return len(self._candidates) + self._dispatcher.connections < self._limits.connections

    def _listen_if_room(self) -> None:
        if not self._listening and not self._draining and not self._starting and self._has_room():
            self._listen(True)

    def _on_client(self, events: int) -> None:
        # One client for each event, as the next round tells of others: an attempt in vain costs as much as a success.
        if not self._has_room():
            log.warning("%d connections are open; others wait until one ends", self._limits.connections)
            self._listen(False)
            return
        try:
            # As `accept` does, which first makes enumerations of the listener's family and type.
            fd, address = self._listener._accept()  # type: ignore[attr-defined]
            client = socket.SocketType(self._family, socket.SOCK_STREAM, 0, fd)
        except BlockingIOError:
            return
        except OSError as error:
            # Out of descriptors, or a client that is gone already: the sweep resumes.
            log.warning("a connection could not be accepted: %s", error.strerror)
            self._listen(False)
            return
        self._welcome(client, f"{address[0]}:{address[1]}" if address else "unix")

    def _welcome(self, client: socket.SocketType, address: str) -> None:
        client.setblocking(False)
        self.counters.accepted = number = self.counters.accepted + 1
        try:
            context = self._make_context()
        except GSSError as error:
            log.error("%s cannot be accepted: %s", address, plain(str(error)))
            client.close()
            return
        framing = self._framing(self._limits.token, False)
        deadline = self.loop.now + self._limits.handshake
        self._candidates[number] = candidate = Candidate(self, number, client, address, framing, context, deadline)
        candidate.begin()

    def on_established(self, candidate: Candidate) -> None:
        context, number, address = candidate.context, candidate.number, candidate.address
        self.counters.established += 1
        try:
            peer = peer_of(context, address, self._pid)
        except GSSError as error:
            candidate.refuse(f"its context tells nothing of it: {error}")
            return
        try:
            refusal = "" if self._authorize(peer) else f"{peer.initiator} is not allowed here"
        except Exception as error:
            log.exception("the authorization of %s failed", plain(peer.initiator))
            refusal = f"its authorization failed: {type(error).__name__}"
        if refusal:
            candidate.refuse(refusal)
            return
        del self._candidates[number]
        if self._observe is not None:
            self._observe(Event(What.ESTABLISHED, number, address, peer=peer))
        framing, leftover = candidate.framing, b""
        if self._relay:
            framing.limit = self._limits.message
        else:
            leftover = framing.leftover()
        self._dispatcher.take(HandOver(number, candidate.socket, peer, framing, candidate.deadline, context, leftover))

    def on_refused(self, candidate: Candidate, reason: str) -> None:
        self.counters.refused += 1
        log.warning("%s refused: %s", candidate.address, plain(reason))
        if self._observe is not None:
            self._observe(Event(What.REFUSED, candidate.number, candidate.address, detail=reason))

    def on_gone(self, candidate: Candidate) -> None:
        self._candidates.pop(candidate.number, None)

    # Workers

    def on_message(self, worker: WorkerProcess, message: Message) -> None:
        on_message = self._on_message.get(type(message))
        if on_message is None:
            log.error("worker %d sent what no worker sends and is killed", worker.pid)
            worker.kill()
        else:
            on_message(worker, message)

    def _on_closed(self, worker: WorkerProcess, message: Closed) -> None:
        self._dispatcher.on_closed(worker, message)
        self._listen_if_room()

    def _on_ready(self, worker: WorkerProcess, message: Ready) -> None:
        worker.ready = True
        self._dispatcher.add_worker(worker)
        if self._starting and all(each.ready for each in self._supervisor.workers):
            self.loop.stop()

    def _on_failed(self, worker: WorkerProcess, message: Failed) -> None:
        if self._starting:
            self._failure = plain(message.reason)
            self.loop.stop()
        elif not self._failure:  # else this worker only says once more why the acceptor does not start
            log.error("worker %d cannot work: %s", worker.pid, plain(message.reason))

    def on_worker_gone(self, worker: WorkerProcess, how: str) -> None:
        if self._starting and not self._failure:
            self._failure = f"a worker {how} before it was ready"
            self.loop.stop()
        self._dispatcher.on_worker_gone(worker, how)
        self._stop_if_done()
