"""Process 1 of `puregss demo`, the acceptor: told its task on stdin, it tells on stdout what happens, in JSON lines."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from typing import Any

from puregss.acceptor.events import Event
from puregss.acceptor.service import make_front
from puregss.acceptor.settings import Limits, Settings
from puregss.gss.credentials import Credentials


def tell(**facts: Any) -> None:
    """One line to whoever started the demo."""
    os.write(1, json.dumps(facts).encode() + b"\n")


def observe(event: Event) -> None:
    enctype = event.peer.enctype if event.peer else ""
    tell(what=event.what.value, address=event.address, worker=event.worker, enctype=enctype, detail=event.detail)


def main() -> None:
    task = json.loads(sys.stdin.readline())
    logging.basicConfig(level=logging.ERROR, format="puregss: front: %(message)s")
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    settings = Settings(topology=task["topology"], workers=task["workers"], limits=Limits(drain=2.0))
    front = make_front(listener, settings, Credentials(usage="accept"), observe=observe)
    front.start()
    tell(what="listening", port=listener.getsockname()[1], pid=os.getpid())

    def end_with_stdin(events: int) -> None:
        front.loop.forget(0)
        front.drain()

    front.loop.watch(0, end_with_stdin)
    front.run()


if __name__ == "__main__":
    main()
