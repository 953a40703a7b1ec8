"""Starts workers by exec, hears of their deaths, and starts others in their place.

Never by fork: a forked worker would inherit every key in the front's memory. What a worker gets is
its end of a socket pair, and the key of its channel through it.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from puregss.acceptor.handoff import Drain, Message, Start, decode_datagram, encode_message
from puregss.acceptor.loop import Loop
from puregss.acceptor.packets import Packets, packet_pair
from puregss.acceptor.settings import Settings
from puregss.base.errors import GSSError
from puregss.base.ports import Clock
from puregss.transfer.channel import ChannelSender

log = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-P", "-m", "puregss.acceptor.worker")
"""-P: a worker begins with the front's rights, and runs no code from whatever folder the front was started in."""
KEY_SIZE: Final = 32
SHORT_LIFE: Final = 5.0
"""A worker that lived for fewer seconds is replaced after a pause, which doubles up to LONGEST_PAUSE."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0

KEPT_FROM_WORKERS: Final = ("KRB5", "PUREGSS_TRANSFER")
"""Variables that start so lead to keytabs, ticket caches and domain keys; they stay with the front."""


class Staff(Protocol):
    """Who hears of the workers: the front."""

    def on_message(self, worker: WorkerProcess, message: Message) -> None: ...
    def on_worker_gone(self, worker: WorkerProcess, how: str) -> None: ...


class WorkerProcess:
    """One worker as the front knows it."""

    __slots__ = ("born", "draining", "packets", "pid", "pidfd", "process", "ready", "sender")

    def __init__(self, process: subprocess.Popen[bytes], sender: ChannelSender) -> None:
        self.process = process
        self.pid = process.pid
        self.pidfd = os.pidfd_open(process.pid)
        self.sender = sender
        self.born = time.monotonic()
        self.ready = self.draining = False
        self.packets: Packets

    def __repr__(self) -> str:
        return f"<worker {self.pid}>"

    def send(
        self, message: Message, file: socket.SocketType | None = None, on_sent: Callable[[], None] | None = None
    ) -> None:
        self.packets.send(encode_message(message), file, on_sent)

    def kill(self) -> None:
        """SIGKILL; what follows is what follows any death."""
        self.process.kill()


class Supervisor:
    """Keeps `settings.workers` workers alive until told to drain. Runs in the front's loop."""

    def __init__(self, loop: Loop, settings: Settings, staff: Staff, clock: Clock, command: Sequence[str]) -> None:
        self._loop, self._settings, self._staff = loop, settings, staff
        self._clock, self._command = clock, tuple(command)
        self._pause = FIRST_PAUSE
        self._missing: list[float] = []  # when each worker that is to be replaced may be
        self._draining = False
        self.workers: list[WorkerProcess] = []

    def start(self) -> None:
        """Start the workers; each will send Ready or Failed."""
        for _ in range(self._settings.workers):
            self._start_worker()
        self._loop.every(0.25, self._replace)

    def _start_worker(self) -> None:
        ours, theirs = packet_pair()
        fd = theirs.fileno()
        # A group of its own: Ctrl-C on the terminal is for the front, which then drains its workers.
        process = subprocess.Popen(
            (*self._command, str(fd)),
            stdin=subprocess.DEVNULL,
            close_fds=True,
            pass_fds=(fd,),
            env=environment_for_workers(),
            process_group=0,
        )
        theirs.close()
        key = os.urandom(KEY_SIZE)
        worker = WorkerProcess(process, ChannelSender(key, self._clock))
        # One datagram for each event, as the next round tells of others: to look in vain costs more than a round.
        worker.packets = Packets(
            self._loop, ours, partial(self._on_datagram, worker), partial(self._on_silence, worker), most_per_event=1
        )
        settings, limits = self._settings, self._settings.limits
        worker.send(Start(key, settings.handler, settings.framing, limits.message, limits.idle, settings.user))
        self._loop.watch(worker.pidfd, lambda _: self._bury(worker))
        self.workers.append(worker)

    def _on_datagram(self, worker: WorkerProcess, datagram: bytes, fd: int | None) -> None:
        try:
            messages = decode_datagram(datagram)
        except GSSError as error:
            log.error("worker %d sent what no worker sends and is killed: %s", worker.pid, error)
            worker.kill()
            return
        for message in messages:
            self._staff.on_message(worker, message)

    def _on_silence(self, worker: WorkerProcess) -> None:
        """The worker closed its end. One that was told to drain is on its way out and may take leave properly."""
        if not worker.draining:
            self._bury(worker)

    def _bury(self, worker: WorkerProcess) -> None:
        """The worker is dead or has closed its end: make its death certain, read its last words, and tell."""
        if worker not in self.workers:
            return
        worker.kill()
        status = worker.process.wait()
        self._loop.forget(worker.pidfd)
        os.close(worker.pidfd)
        self.workers.remove(worker)
        worker.packets.drain()
        worker.packets.close()
        worker.sender.worker_died()
        if not self._draining:
            self._missing.append(self._when_to_replace(worker))
        self._staff.on_worker_gone(worker, _how(status))

    def _when_to_replace(self, worker: WorkerProcess) -> float:
        now = time.monotonic()
        if now - worker.born >= SHORT_LIFE:
            self._pause = FIRST_PAUSE
            return now
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        return now + pause

    def _replace(self) -> None:
        now = time.monotonic()
        due = [when for when in self._missing if when <= now]
        for when in due:
            try:
                self._start_worker()
            except OSError as error:  # no descriptors, processes or memory: the others go on, and room may come
                log.error("no worker can be started just now: %s", error.strerror)
                return
            self._missing.remove(when)

    def drain(self, seconds: float) -> None:
        """No more hand-offs will come: let the workers finish and exit."""
        self._draining = True
        self._missing.clear()
        for worker in self.workers:
            worker.draining = True
            worker.send(Drain(seconds))

    def kill_all(self) -> None:
        """End every worker at once."""
        self._draining = True
        self._missing.clear()
        for worker in list(self.workers):
            worker.draining = True
            self._bury(worker)


def environment_for_workers() -> dict[str, str]:
    """The front's environment without what leads to credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith(KEPT_FROM_WORKERS)}


def _how(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
