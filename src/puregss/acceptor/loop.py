"""The event loop of front and worker: readiness of descriptors, and little else.

Both processes hand sockets to each other and away, and pay per connection; a loop of their own does
that in a few system calls (docs/decisions/acceptor-event-loop.md).
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

NEVER: Final = float("inf")
READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
MOST_EVENTS: Final = 80
"""Descriptors that one round hears: as many as malloc keeps memory for at hand (12 octets each, of some 1,000)."""
MOST_ROUNDS: Final = 16
"""So many rounds a tick waits while there are descriptors that were not heard yet."""

OnEvent = Callable[[int], None]
"""Called with the readiness bits: READ, WRITE, and select.EPOLLHUP or EPOLLERR at any time."""


@dataclass(slots=True)
class _Tick:
    due: float
    seconds: float
    call: Callable[[], None]


class Loop:
    """Waits for descriptors and calls back. One thread runs it; `call_soon` and `stop` may come from any."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, OnEvent] = {}
        self._soon: deque[Callable[[], None]] = deque()
        self._ticks: list[_Tick] = []
        self._next_tick = NEVER
        self._rounds_late = 0
        self._running = False
        self.now = time.monotonic()
        """The monotonic clock, read once a round: all that one round finds happened at one time."""
        self.alone = False
        """Whether this round found one descriptor only and is a short one: what else there is, the next round finds."""
        self.wake_by = NEVER
        """When the next round comes at the latest, though nothing happens: for `after_round`, which looks at `now`."""
        self.after_round: Callable[[], None] | None = None
        """Called once after the events of each round: the place to send what the round collected."""
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.watch(self._wake_read, self._on_wake)

    def watch(self, fd: int, on_event: OnEvent, events: int = READ) -> None:
        """Call `on_event` whenever `fd` is ready; for a descriptor watched already, change what for."""
        if fd in self._watched:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._watched[fd] = on_event

    def forget(self, fd: int) -> None:
        """Stop watching. Must come before the descriptor is closed: its file may live on in another process."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Run `call` in the loop's thread, also from another thread or a signal handler."""
        self._soon.append(call)
        with contextlib.suppress(OSError):  # a full pipe wakes as well, a closed one has nobody to wake
            os.write(self._wake_write, b"\0")

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Run `call` about every so many seconds while the loop runs."""
        self._next_tick = 0.0
        self._ticks.append(_Tick(time.monotonic() + seconds, seconds, call))

    def stop(self) -> None:
        """Let `run` return after the round it is in."""
        self.call_soon(self._stop)

    def _stop(self) -> None:
        self._running = False

    def run(self) -> None:
        """Serve events until `stop`."""
        self._running = True
        self.now = time.monotonic()
        while self._running:
            until = self._next_tick if self._next_tick < self.wake_by else self.wake_by
            timeout = until - time.monotonic()
            ready = self._epoll.poll(None if until == NEVER else timeout if timeout > 0 else 0, MOST_EVENTS)
            self.now = time.monotonic()
            self.alone = len(ready) == 1
            for fd, events in ready:
                on_event = self._watched.get(fd)
                if on_event is not None:  # else an event before it in this round forgot it
                    on_event(events)
            if self.now >= self._next_tick:
                self._tick(len(ready) == MOST_EVENTS)
            if self.after_round is not None:
                self.after_round()

    def _tick(self, others_wait: bool) -> None:
        """Run what is due. Events come first: a client that was heard, or waits to be, is not idle."""
        if others_wait and self._rounds_late < MOST_ROUNDS:
            self._rounds_late += 1
            return
        self._rounds_late = 0
        for tick in self._ticks:
            if tick.due <= self.now:
                tick.due = self.now + tick.seconds
                tick.call()
        self._next_tick = min(tick.due for tick in self._ticks)

    def _on_wake(self, events: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        while self._soon:
            self._soon.popleft()()

    def close(self) -> None:
        """Give back the loop's own descriptors."""
        self._epoll.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
