"""The multi-process acceptor that one writes by hand with python-gssapi: what `puregss serve` is measured against.

    python -m bench.peer_acceptor PORT WORKERS

The front accepts a context, exports it and passes token and socket to a worker in one message; the worker imports
and echoes. Nothing is sealed, acknowledged, limited or timed out: it is the least that works.
"""

from __future__ import annotations

import os
import signal
import socket
import sys

import gssapi

from bench.load import receive, send

_LARGEST = 64 * 1024


def front(listener: socket.socket, workers: list[socket.socket]) -> None:
    """Establish each context, then hand it to the next worker in turn."""
    creds = gssapi.Credentials(usage="accept")
    number = 0
    while True:
        connection, _ = listener.accept()
        with connection:
            context = gssapi.SecurityContext(creds=creds, usage="accept")
            while not context.complete:
                token = receive(connection)
                if not token:
                    break
                send(connection, context.step(token) or b"")
            if context.complete:
                socket.send_fds(workers[number % len(workers)], [context.export()], [connection.fileno()])
                number += 1


def work(orders: socket.socket) -> None:
    """Import what the front hands over, and echo until the client goes away."""
    while True:
        token, descriptors, _, _ = socket.recv_fds(orders, _LARGEST, 1)
        if not token:
            return
        with socket.socket(fileno=descriptors[0]) as connection:
            context = gssapi.SecurityContext(token=token)
            while message := receive(connection):
                result = context.unwrap(message)
                send(connection, context.wrap(result.message, result.encrypted).message)


def main() -> None:
    """Fork the workers first: they must not inherit a context."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    ends: list[socket.socket] = []
    for _ in range(count):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            for end in ends:
                end.close()
            work(theirs)
            os._exit(0)
        theirs.close()
        ends.append(ours)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the workers end when the front's sockets close
    front(socket.create_server(("127.0.0.1", port), backlog=1024), ends)


if __name__ == "__main__":
    main()
