"""The worker's program, started by exec: `python -m puregss.acceptor.worker FD`.

FD is its end of the socket pair. Everything else it is told there, so nothing secret is in its
arguments or environment.
"""

from __future__ import annotations

import sys

from puregss.acceptor.worker_loop import Importer, serve
from puregss.gss import world as worlds
from puregss.gss.transfer import import_context
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelReceiver


def channel_importer(key: bytes) -> Importer:
    """Imports what the front seals for this worker."""
    receiver, world = ChannelReceiver(key, SystemClock()), worlds.default()
    return lambda token: import_context(token, receiver, world=world)


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), channel_importer))
