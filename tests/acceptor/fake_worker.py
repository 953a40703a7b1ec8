"""The worker program with the toy mechanism in it. While the file FAKE_WORKER_DEAF exists it acknowledges nothing."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from puregss.acceptor.framing import DataContext
from puregss.acceptor.worker_loop import Importer, serve
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelReceiver
from tests.acceptor.fakes import FakeContext


def make_importer(key: bytes) -> Importer:
    receiver = ChannelReceiver(key, SystemClock())

    def importer(token: bytes) -> DataContext:
        deaf = os.environ.get("FAKE_WORKER_DEAF", "")
        while deaf and os.path.exists(deaf):
            time.sleep(0.01)
        return receiver.import_(token, FakeContext.decode)

    return importer


def whoami(message: bytes, peer: object) -> bytes:
    return str(os.getpid()).encode()


def picky(message: bytes, peer: object) -> bytes:
    if message == b"raise":
        raise KeyError("no")
    return message


def read_shadow(message: bytes, peer: object) -> bytes:
    try:
        return Path("/etc/shadow").read_bytes()
    except OSError as error:
        return type(error).__name__.encode()


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), make_importer))
