"""A client process for the whole-acceptor row: contexts in a row, one confidential message each way on every one.

    python -m bench.load PORT SERVICE CONNECTIONS

It uses MIT's library whoever serves, so that the load is the same against both.
"""

from __future__ import annotations

import socket
import sys

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


def converse(port: int, service: str, message: bytes) -> None:
    """One connection: mutual authentication, a message, its echo."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        context = initiator(gssapi, service)
        token = context.step()
        while True:
            send(connection, token or b"")
            answer = receive(connection)
            if context.complete:
                break
            token = context.step(answer)
            if context.complete and not token:
                break
        send(connection, context.wrap(message, True).message)
        assert context.unwrap(receive(connection)).message == message


if __name__ == "__main__":
    for number in range(int(sys.argv[3])):
        converse(int(sys.argv[1]), sys.argv[2], b"message %d" % number)
