"""RFC 4120 §7.2: UDP and TCP transport of an embedded KDC, on loopback and nowhere else."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from threading import Event, Thread
from typing import Protocol

from puregss.base.errors import GSSError
from puregss.realm.faults import Faults

LOOPBACK = "127.0.0.1"
MAX_REQUEST = 64 * 1024
MAX_CONNECTIONS = 64
MAX_PENDING_DATAGRAMS = 256
CONNECTION_TIMEOUT = 10.0
_BIND_ATTEMPTS = 20


class Responder(Protocol):
    """What stands behind the port. Neither method raises, whatever the octets."""

    faults: Faults

    def answer(self, request: bytes, datagram: bool) -> bytes | None:
        """The reply's octets, or None for silence."""

    def too_long(self) -> bytes:
        """The reply to a request longer than anybody reads."""


class Server:
    """One port of 127.0.0.1, UDP and TCP alike, served by a thread of its own."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._thread: Thread | None = None
        self._ready = Event()
        self._connections = 0
        self._datagrams: set[asyncio.Task[None]] = set()
        self.port = 0

    def start(self, port: int = 0) -> None:
        """Serve `port`, or a free one (0). GSSError if it is taken; returns when the KDC can be asked."""
        if self._thread is not None:
            raise GSSError(f"this KDC listens already, on port {self.port}")
        udp, tcp = bind_both(port)
        self.port = udp.getsockname()[1]
        self._ready.clear()
        self._thread = Thread(target=self._run, args=(udp, tcp), name=f"puregss-kdc-{self.port}", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Stop serving and free the port. Does nothing if it was not started."""
        if self._thread is None:
            return
        with suppress(RuntimeError):  # the loop ended by itself, or stayed behind in the parent of a fork
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread, self.port = None, 0

    def _run(self, udp: socket.socket, tcp: socket.socket) -> None:
        try:
            with udp, tcp:
                asyncio.run(self._serve(udp, tcp))
        finally:
            self._ready.set()  # whoever waits for a start that failed

    async def _serve(self, udp: socket.socket, tcp: socket.socket) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        transport, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        server = await asyncio.start_server(self._connection, sock=tcp)
        self._ready.set()
        await self._stop.wait()
        transport.close()
        server.close()  # asyncio.run cancels the connections that are left

    def datagram_received(self, transport: asyncio.DatagramTransport, request: bytes, peer: tuple[str, int]) -> None:
        """Answer in a task, so that a delayed answer delays no other."""
        if len(self._datagrams) >= MAX_PENDING_DATAGRAMS:
            return
        task = self._loop.create_task(self._datagram(transport, request, peer))
        self._datagrams.add(task)
        task.add_done_callback(self._datagrams.discard)

    async def _datagram(self, transport: asyncio.DatagramTransport, request: bytes, peer: tuple[str, int]) -> None:
        reply = await self._reply(request, datagram=True)
        if reply is not None and not transport.is_closing():
            transport.sendto(reply[: self._responder.faults.truncate], peer)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= MAX_CONNECTIONS:
                # A client that went away, is too slow or too long-winded is not answered: it is hung up on.
                with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
                    while await self._one_request(reader, writer):
                        pass
        finally:
            self._connections -= 1
            writer.close()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """RFC 4120 §7.2.2: four octets of length, then the message. Whether the connection may go on."""
        async with asyncio.timeout(CONNECTION_TIMEOUT):
            length = int.from_bytes(await reader.readexactly(4), "big")
            # The high bit announces an extension nobody has defined; too long a message is refused alike.
            readable = length <= MAX_REQUEST
            request = await reader.readexactly(length) if readable else b""
        reply = await self._reply(request, datagram=False) if readable else self._responder.too_long()
        if reply is None:
            return False
        truncate = self._responder.faults.truncate
        writer.write(len(reply).to_bytes(4, "big") + reply[:truncate])
        async with asyncio.timeout(CONNECTION_TIMEOUT):
            await writer.drain()
        return readable and truncate is None

    async def _reply(self, request: bytes, *, datagram: bool) -> bytes | None:
        reply = self._responder.answer(request, datagram)
        if reply is not None and self._responder.faults.delay:
            await asyncio.sleep(self._responder.faults.delay)
        return reply


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.datagram_received(self._transport, data, addr)


def bind_both(port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on the same port of loopback; a free one if `port` is 0.

    GSSError, in one sentence, if the port cannot be had.
    """
    for attempt in range(_BIND_ATTEMPTS):
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_STREAM)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind((LOOPBACK, port))
            tcp.bind((LOOPBACK, udp.getsockname()[1]))
            tcp.listen(MAX_CONNECTIONS)
        except (OSError, OverflowError) as error:
            udp.close()
            tcp.close()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            # A port that is free for UDP may be taken for TCP: draw another.
            if not (taken and port == 0 and attempt < _BIND_ATTEMPTS - 1):
                raise GSSError(_cannot_bind(port, taken, error)) from None
        else:
            return udp, tcp
    raise AssertionError("the last attempt returns or raises")


def _cannot_bind(port: int, taken: bool, error: Exception) -> str:
    where = f"port {port} of {LOOPBACK}" if port else f"a free port of {LOOPBACK}"
    why = "is in use by another program" if taken else f"cannot be had: {error}"
    return f"{where} {why}; leave the port out to get a free one"
