"""Process 2 of the programming guide's Figure 1-10: imports contexts and handles data."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from puregss.acceptor.framing import DataContext
from puregss.acceptor.framings import FRAMINGS
from puregss.acceptor.handlers import BUILT_IN, Handler, load_handler
from puregss.acceptor.handoff import (
    MAX_DATAGRAM,
    MAX_NEWS,
    Acknowledged,
    Closed,
    Data,
    Drain,
    Failed,
    HandOff,
    Message,
    Ready,
    Refused,
    Start,
    decode_datagram,
    encode_message,
)
from puregss.acceptor.loop import NEVER, Loop
from puregss.acceptor.packets import Packets
from puregss.acceptor.session import Session, reason_of
from puregss.acceptor.wording import plain
from puregss.acceptor.worker_connection import Connection, DirectConnection, RelayedConnection
from puregss.base.errors import GSSError
from puregss.base.made import made

START_TIMEOUT: Final = 30.0
ORPHAN_DRAIN: Final = 10.0
"""Seconds that connections may go on when the front is gone."""
HIGH_WATER: Final = 4 * 1024 * 1024
"""Octets of relayed answers that may wait for the front before no more questions are taken."""
MOST_PER_EVENT: Final = 32
"""Datagrams of the front. All clients share its one channel, and each round may serve every one of them, with slow
handlers: were hand-offs read one a round, the front would take a busy worker that owes acknowledgements for hung."""
PATIENCE: Final = 0.01
"""Seconds that the news of an orderly end waits for other news to go with: to the front, each datagram is a waking."""

# A client's socket may be of another family; asking the kernel takes three calls, and octets pass all the same. That it
# does not block is a property of the connection, which the front has given it.
_FAMILY: Final = int(socket.AF_INET)
_TYPE: Final = int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

Importer = Callable[[bytes], DataContext]
"""An interprocess token in, the context out; GSSError where it cannot be imported."""


class Worker:
    """The one worker of this process."""

    def __init__(self, end: socket.socket, start: Start, handler: Handler, importer: Importer) -> None:
        self.loop = Loop()
        self._start, self._handler, self._import = start, handler, importer
        self._framing = FRAMINGS[start.framing]
        self._connections: dict[int, Connection] = {}
        self._outbox: list[bytes] = []
        self._outbox_size = 0
        self._urgent = False  # whether the outbox leaves with this round; else by `loop.wake_by`
        self._fresh: list[Connection] = []
        self._acknowledging: deque[list[Connection]] = deque()  # by datagrams that have not left yet
        self._drain_until = NEVER
        self._draining = False
        self._front = Packets(
            self.loop,
            end,
            self._on_datagram,
            self._on_front_gone,
            most_per_event=MOST_PER_EVENT,
            take_fds=True,
            high_water=HIGH_WATER,
        )
        self.loop.after_round = self._after_round
        self.loop.every(min(1.0, start.idle_timeout / 4), self._sweep)

    def run(self) -> None:
        """Serve until drained."""
        self.tell(Ready())
        self._flush()
        self.loop.run()

    def tell(self, message: Message, *, soon: bool = True) -> None:
        """Send to the front in one datagram with whatever else there is to say.

        When this round is over, or, if it need not be `soon`, when the round is that finds PATIENCE over.
        """
        record = encode_message(message)
        size = self._outbox_size + len(record)
        if size > MAX_NEWS:
            self._flush()
            size = len(record)
        self._outbox.append(record)
        self._outbox_size = size
        if soon:
            self._urgent = True
        elif self.loop.wake_by == NEVER:
            self.loop.wake_by = self.loop.now + PATIENCE

    def _flush(self) -> None:
        # Until the acknowledgement has left this process the front may reclaim the context for another
        # worker: a connection begins when its acknowledgement is sent, and not before.
        self._urgent, self.loop.wake_by = False, NEVER
        while self._outbox:
            datagram = b"".join(self._outbox)
            self._outbox, self._outbox_size = [], 0
            fresh, self._fresh = self._fresh, []
            if fresh:
                self._acknowledging.append(fresh)
                self._front.send(datagram, on_sent=self._begin_next)
            else:
                self._front.send(datagram)

    def _begin_next(self) -> None:
        """Datagrams leave in their order, and so do the connections that each acknowledges."""
        for connection in self._acknowledging.popleft():
            connection.begin()

    def _after_round(self) -> None:
        if self._urgent or self._draining or self.loop.now >= self.loop.wake_by:
            self._flush()
            if self._draining and not self._connections:
                self.loop.stop()

    def _on_datagram(self, datagram: bytes, fd: int | None) -> None:
        for message in decode_datagram(datagram):
            match message:
                case HandOff():
                    self._take(message, fd)
                    fd = None
                case Data():
                    connection = self._connections.get(message.connection)
                    if isinstance(connection, RelayedConnection):
                        connection.receive(message.octets)
                case Closed():
                    connection = self._connections.get(message.connection)
                    if connection is not None:
                        connection.close(message.reason)
                case Drain():
                    self._drain(message.seconds)
                case _:
                    pass
        if fd is not None:
            os.close(fd)

    def _take(self, message: HandOff, fd: int | None) -> None:
        number, leftover = message.connection, message.leftover
        client = None if fd is None else socket.SocketType(_FAMILY, _TYPE, 0, fd)
        if client is None and not message.relayed:
            self.tell(Refused(number, "its socket did not arrive; the worker has too many files open"))
            return
        try:
            context = self._import(message.token)
        except GSSError as error:
            if client is not None:
                client.close()
            self.tell(Refused(number, reason_of(error)))
            return
        session = Session(context, self._framing(self._start.message_limit, True), self._handler, message.peer)
        connection: Connection
        if client is None:
            connection = RelayedConnection(number, session, leftover, self.tell, self._closed)
        else:
            connection = DirectConnection(number, session, leftover, self.loop, client, self._closed)
        if leftover:
            self.loop.alone = False  # this round will serve it, for as long as that takes: others are heard before
        self._connections[number] = connection
        self.tell(made(Acknowledged, (number,)))
        self._fresh.append(connection)  # behind its record: `tell` may send first, and who is fresh begins with that

    def _closed(self, connection: Connection, reason: str) -> None:
        del self._connections[connection.number]
        self.tell(made(Closed, (connection.number, reason)), soon=connection.relayed or reason != "")

    def _sweep(self) -> None:
        now = self.loop.now
        if now > self._drain_until:
            for connection in list(self._connections.values()):
                connection.close("the acceptor is shutting down")
        idle_since = now - self._start.idle_timeout
        for connection in [idle for idle in self._connections.values() if idle.active < idle_since]:
            connection.close(f"idle for {self._start.idle_timeout:g} s")

    def _drain(self, seconds: float) -> None:
        self._draining = True
        self._drain_until = self.loop.now + seconds

    def _on_front_gone(self) -> None:
        for connection in [relayed for relayed in self._connections.values() if relayed.relayed]:
            connection.close("the front is gone")
        self._drain(ORPHAN_DRAIN)


def become(user: str) -> None:
    """Give up this process's rights for those of the system user `user`. ValueError with one sentence if it cannot."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise ValueError(f"there is no user {user!r} on this system") from error
    if entry.pw_uid == os.getuid():
        return
    try:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except PermissionError as error:
        raise ValueError(f"only root can start workers as the user {user!r}") from error


def allow_many_files() -> None:
    """Let this process have as many connections open as the system lets it; the usual soft limit is 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def find_handlers_here(handler: str) -> None:
    """Let a handler's module lie in the folder that the front was started in, where it hides no other module."""
    if handler not in BUILT_IN:
        with contextlib.suppress(OSError):
            sys.path.append(os.getcwd())


def receive_start(end: socket.socket) -> Start:
    """The first message of the front. GSSError or OSError if there is none, or another."""
    end.settimeout(START_TIMEOUT)
    messages = decode_datagram(end.recv(MAX_DATAGRAM))
    if len(messages) != 1 or not isinstance(messages[0], Start):
        raise GSSError("the front did not say who this worker is")
    return messages[0]


def serve(fd: int, make_importer: Callable[[bytes], Importer]) -> int:
    """Be the worker at the other end of the socket `fd`; returns the exit status."""
    end = socket.socket(fileno=fd)
    end.set_inheritable(False)  # a program that the handler starts must not keep the channel open
    allow_many_files()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the front says when to stop
    start = receive_start(end)
    try:
        # Everything is loaded with the rights the worker was started with, because the other user may not be able
        # to read this Python; no context is here yet.
        find_handlers_here(start.handler)
        handler = load_handler(start.handler)
        importer = make_importer(start.channel_key)
        start = replace(start, channel_key=b"")  # whoever takes this process over shall open no token sent before
        if start.user:
            become(start.user)
    except ValueError as error:
        end.send(encode_message(Failed(plain(str(error)))))
        return 1
    Worker(end, start, handler, importer).run()
    return 0
