"""RFC 4120 §7.2: asking a KDC with blocking sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

from puregss.base.drive import drive
from puregss.base.mechanism import KdcRequest
from puregss.system.config import Krb5Config
from puregss.system.kdc_transport import Asking, KdcFinder, Lookup, Open, Operation, Receive, Send, ask
from puregss.system.kdc_transport_dns import SrvRecord, lookup_srv


class BlockingTransport:
    """`exchange(request)` asks a KDC and waits. `lookup` can stand in for DNS."""

    def __init__(
        self,
        config: Krb5Config,
        *,
        finder: KdcFinder | None = None,
        lookup: Callable[[str], list[SrvRecord]] = lookup_srv,
    ) -> None:
        self._finder = finder or KdcFinder(config)
        self._lookup = lookup

    def exchange(self, request: KdcRequest) -> bytes:
        """The KDC's answer, a KRB-ERROR included. GSSError if no KDC of the realm is known or answers."""
        connection = _Connection(self._lookup)
        try:
            return connection.run(ask(self._finder, request.realm, request.message))
        finally:
            connection.close()


class _Connection:
    """Carries out the operations; holds one socket at a time."""

    def __init__(self, lookup: Callable[[str], list[SrvRecord]]) -> None:
        self._lookup = lookup
        self._socket: socket.socket | None = None
        self._deadline = 0.0

    def run(self, asking: Asking) -> bytes:
        return drive(asking, self._perform, OSError)

    def _perform(self, operation: Operation) -> Any:
        if isinstance(operation, Lookup):
            return self._lookup(operation.name)
        if isinstance(operation, Open):
            return self._open(operation)
        connection = self._socket
        assert connection is not None
        connection.settimeout(_left(self._deadline))
        if isinstance(operation, Send):
            return connection.sendall(operation.data)
        assert isinstance(operation, Receive)
        return connection.recv(operation.size)

    def _open(self, operation: Open) -> None:
        self.close()
        self._deadline = time.monotonic() + operation.timeout
        kind = socket.SOCK_STREAM if operation.transport == "tcp" else socket.SOCK_DGRAM
        failure = OSError("the host has no address")
        for family, _, _, _, address in _addresses(operation, kind):
            connection = socket.socket(family, kind)
            try:
                connection.settimeout(_left(self._deadline))
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                self._socket = connection
                return
        raise failure

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _addresses(operation: Open, kind: int) -> list[Any]:
    try:
        return socket.getaddrinfo(operation.host, operation.port, type=kind)
    except UnicodeError:  # a label that is too long for DNS, for example
        raise OSError("this is no host name") from None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
