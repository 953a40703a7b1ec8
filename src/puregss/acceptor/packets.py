"""unix(7), SOCK_SEQPACKET: one end of the socket pair between front and worker, without blocking."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from puregss.acceptor.handoff import MAX_DATAGRAM, MAX_NEWS
from puregss.acceptor.loop import READ, WRITE, Loop

_FDS_SPACE: Final = socket.CMSG_LEN(4)  # one descriptor comes with a datagram; CMSG_SPACE has room for a second
_CLOSE_ON_EXEC: Final = int(socket.MSG_CMSG_CLOEXEC)
_FD: Final = struct.Struct("=i")

OnDatagram = Callable[[bytes, int | None], None]
"""A datagram, and the descriptor that came with it, which the callee owns from then on."""


def packet_pair() -> tuple[socket.socket, socket.socket]:
    """The two ends, with room for the largest datagram."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_DATAGRAM + 16 * 1024)
    return pair


class Packets:
    """One end, watched by a loop. What the peer is too slow to take waits in a queue.

    `on_gone` is called once when the other end is closed. At each event up to `most_per_event`
    datagrams are delivered, so that a channel gets its share beside whatever else the loop watches.
    Descriptors are taken only where `take_fds` says so; elsewhere the kernel drops what a peer
    attaches. With `high_water`, nothing more is read while more octets than that are queued; only
    one of the two ends may do so, or both would wait for each other.
    """

    def __init__(
        self,
        loop: Loop,
        end: socket.socket,
        on_datagram: OnDatagram,
        on_gone: Callable[[], None],
        *,
        most_per_event: int,
        take_fds: bool = False,
        high_water: int | None = None,
    ) -> None:
        self._loop, self._end = loop, end
        self._on_datagram, self._on_gone = on_datagram, on_gone
        self._most_per_event = most_per_event
        self._take_fds = take_fds
        self._high_water = high_water
        self._queue: deque[tuple[bytes, socket.SocketType | None, Callable[[], None] | None]] = deque()
        self._buffer = bytearray(MAX_DATAGRAM if take_fds else 0)
        self._view = memoryview(self._buffer)
        self._open = True
        self.queued = 0
        """Octets waiting in the queue."""
        end.setblocking(False)
        self._watching = 0
        self._watch()

    def send(
        self,
        datagram: bytes,
        file: socket.SocketType | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        """Send, or queue; `on_sent` is called when it left. Where `file` is closed by then, it goes without."""
        if not self._open:
            return
        if self._queue or not self._try(datagram, file):
            self._queue.append((datagram, file, on_sent))
            self.queued += len(datagram)
            self._watch()
        elif on_sent is not None:
            on_sent()

    def _try(self, datagram: bytes, file: socket.SocketType | None) -> bool:
        """Whether it could be sent without waiting. A peer that is gone swallows everything; reading tells."""
        try:
            # Asked only now: the number of a file that was closed meanwhile may be another client's.
            if file is None or (fd := file.fileno()) < 0:
                self._end.send(datagram)
            else:
                self._end.sendmsg((datagram,), ((socket.SOL_SOCKET, socket.SCM_RIGHTS, _FD.pack(fd)),))
        except ConnectionError:
            return True
        except OSError as error:
            # The last two: too many descriptors on their way at once, or no memory for them just now.
            if error.errno in (errno.EAGAIN, errno.ETOOMANYREFS, errno.ENOBUFS):
                return False
            raise
        return True

    def _on_event(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & ~WRITE:
            more = self._most_per_event
            while more and self.receive() and self._watching & READ:
                more -= 1

    def _flush(self) -> None:
        while self._queue and self._try(*self._queue[0][:2]):
            datagram, _, on_sent = self._queue.popleft()
            self.queued -= len(datagram)
            if on_sent is not None:
                on_sent()
        if self._open:
            self._watch()

    def _watch(self) -> None:
        full = self._high_water is not None and self.queued > self._high_water
        wanted = (0 if full else READ) | (WRITE if self._queue else 0)
        if wanted != self._watching:
            self._watching = wanted
            self._loop.watch(self._end.fileno(), self._on_event, wanted)

    def receive(self) -> bool:
        """Deliver the next datagram, if one is there; whether to look for another.

        Not behind a descriptor in a round of its own (`Loop.alone`), for hand-offs rarely come in twos, and to look in
        vain costs more than the next round. A datagram that is longer than any of ours comes cut off, for its reader
        to refuse.
        """
        if not self._open:
            return False
        fd = None
        try:
            if self._take_fds:
                size, rights, _, _ = self._end.recvmsg_into((self._buffer,), _FDS_SPACE, _CLOSE_ON_EXEC)
                if rights:  # of no other kind, since none was switched on; a second descriptor does not fit
                    (fd,) = _FD.unpack(rights[0][2])
                datagram = bytes(self._view[:size])
            else:
                datagram = self._end.recv(MAX_NEWS)
        except BlockingIOError:
            return False
        except ConnectionError:
            # The peer went with something of ours unread. That is told once, before what it still had to say.
            return True
        if not datagram:
            if fd is not None:
                os.close(fd)
            self.close()
            self._on_gone()
            return False
        self._on_datagram(datagram, fd)
        return fd is None or not self._loop.alone

    def drain(self) -> None:
        """Deliver everything that the peer sent before it went, and the end behind it.

        A child that the peer forked may have the channel still: what it sends from now on fails, or
        it could hold us here for as long as it sends.
        """
        if self._open:
            self._end.shutdown(socket.SHUT_RD)
        while self.receive():
            pass

    def close(self) -> None:
        """Close this end; what is still queued is dropped."""
        if self._open:
            self._open = False
            self._queue.clear()
            with contextlib.suppress(OSError):
                self._loop.forget(self._end.fileno())
            self._end.close()
