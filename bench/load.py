"""A client process for the rows about the whole acceptor.

    python -m bench.load PORT SERVICE CONNECTIONS             one after the other, a message each way on every one
    python -m bench.load PORT SERVICE CONNECTIONS MESSAGES    all at once, MESSAGES on them in turn

It uses MIT's library whoever serves, so that the load is the same against both.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import gssapi

from bench.pairs import initiator

HEADER = 4


def receive(connection: socket.socket) -> bytes:
    """One frame: a length, then as many octets. Empty at the end of the stream."""
    length = int.from_bytes(_exactly(connection, HEADER), "big")
    return _exactly(connection, length)


def send(connection: socket.socket, token: bytes) -> None:
    """One frame."""
    connection.sendall(len(token).to_bytes(HEADER, "big") + token)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data


def connect(port: int, service: str) -> tuple[socket.socket, Any]:
    """A connection with an established context, mutually authenticated."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    context = initiator(gssapi, service)
    token = context.step()
    while True:
        send(connection, token or b"")
        answer = receive(connection)
        if context.complete:
            return connection, context
        token = context.step(answer)
        if context.complete and not token:
            return connection, context


def ask(connection: socket.socket, context: Any, message: bytes) -> None:
    """One confidential message, and its echo."""
    send(connection, context.wrap(message, True).message)
    assert context.unwrap(receive(connection)).message == message


def one_after_the_other(port: int, service: str, connections: int) -> None:
    """One message on each connection."""
    for number in range(connections):
        connection, context = connect(port, service)
        with connection:
            ask(connection, context, b"message %d" % number)


def all_together(port: int, service: str, connections: int, messages: int) -> None:
    """All connections first, then messages on each of them in turn."""
    ends = [connect(port, service) for _ in range(connections)]
    for number in range(messages):
        ask(*ends[number % connections], b"message %d" % number)
    for connection, _ in ends:
        connection.close()


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[3:]]
    if len(counts) == 1:
        one_after_the_other(int(sys.argv[1]), sys.argv[2], *counts)
    else:
        all_together(int(sys.argv[1]), sys.argv[2], *counts)
