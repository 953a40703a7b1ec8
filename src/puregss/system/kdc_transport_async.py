"""RFC 4120 §7.2: asking a KDC without blocking the event loop.

asyncio is imported when the first connection is made: whoever blocks need not wait for it at the start.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

from puregss.base.drive import drive_async
from puregss.base.mechanism import KdcRequest
from puregss.system.config import Krb5Config
from puregss.system.kdc_transport import Asking, KdcFinder, Lookup, Open, Operation, Receive, Send, ask
from puregss.system.kdc_transport_dns import SrvRecord, lookup_srv_async


class AsyncTransport:
    """`await exchange(request)` asks a KDC. `lookup` can stand in for DNS."""

    def __init__(
        self,
        config: Krb5Config,
        *,
        finder: KdcFinder | None = None,
        lookup: Callable[[str], Awaitable[list[SrvRecord]]] = lookup_srv_async,
    ) -> None:
        self._finder = finder or KdcFinder(config)
        self._lookup = lookup

    async def exchange(self, request: KdcRequest) -> bytes:
        """The KDC's answer, a KRB-ERROR included. GSSError if no KDC of the realm is known or answers."""
        connection = _Connection(self._lookup)
        try:
            return await connection.run(ask(self._finder, request.realm, request.message))
        finally:
            connection.close()


class _Connection:
    """Carries out the operations; holds one socket at a time."""

    def __init__(self, lookup: Callable[[str], Awaitable[list[SrvRecord]]]) -> None:
        self._lookup = lookup
        self._socket: socket.socket | None = None
        import asyncio

        self._loop = asyncio.get_running_loop()
        self._timeout_at = asyncio.timeout_at
        self._deadline = 0.0

    async def run(self, asking: Asking) -> bytes:
        return await drive_async(asking, self._perform, OSError)

    async def _perform(self, operation: Operation) -> Any:
        if isinstance(operation, Lookup):
            return await self._lookup(operation.name)
        if isinstance(operation, Open):
            self.close()
            self._deadline = self._loop.time() + operation.timeout
        async with self._timeout_at(self._deadline):
            if isinstance(operation, Open):
                return await self._open(operation)
            connection = self._socket
            assert connection is not None
            if isinstance(operation, Send):
                return await self._loop.sock_sendall(connection, operation.data)
            assert isinstance(operation, Receive)
            return await self._loop.sock_recv(connection, operation.size)

    async def _open(self, operation: Open) -> None:
        kind = socket.SOCK_STREAM if operation.transport == "tcp" else socket.SOCK_DGRAM
        failure = OSError("the host has no address")
        for family, _, _, _, address in await self._addresses(operation, kind):
            connection = socket.socket(family, kind)
            connection.setblocking(False)
            try:
                await self._loop.sock_connect(connection, address)
            except OSError as error:
                connection.close()
                failure = error
            except BaseException:
                connection.close()
                raise
            else:
                self._socket = connection
                return
        raise failure

    async def _addresses(self, operation: Open, kind: int) -> list[Any]:
        try:
            return await self._loop.getaddrinfo(operation.host, operation.port, type=kind)
        except UnicodeError:  # a label that is too long for DNS, for example
            raise OSError("this is no host name") from None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
