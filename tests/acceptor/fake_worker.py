"""The worker program with the toy mechanism in it. While the file FAKE_WORKER_DEAF exists it acknowledges nothing."""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from puregss.acceptor.handoff import (
    MAX_DATAGRAM,
    Acknowledged,
    Closed,
    Data,
    Drain,
    Ready,
    Refused,
    encode_message,
)
from puregss.acceptor.worker_loop import Importer, receive_start, serve
from puregss.system.clock import SystemClock
from puregss.transfer.channel import ChannelReceiver
from puregss.transfer.stages import start
from puregss.transfer.token import KEY_SIZE
from tests.acceptor.fakes import FakeContext


def make_importer(key: bytes) -> Importer:
    receiver = ChannelReceiver(key, SystemClock())

    def importer(token: bytes) -> FakeContext:
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


def first_keys(message: bytes, peer: object) -> bytes:
    """How many octet strings in this process's objects and frames are the channel key it was given at its start."""
    identities = {each._identity for each in gc.get_objects() if isinstance(each, ChannelReceiver)}
    assert identities
    frame: Any = sys._getframe()
    found: set[bytes] = set()
    while frame is not None:
        found.update(each for each in frame.f_locals.values() if isinstance(each, bytes))
        frame = frame.f_back
    for thing in gc.get_objects():
        found.update(each for each in gc.get_referents(thing) if isinstance(each, bytes))
    return b"%d" % sum(start(each)[1] in identities for each in found if len(each) == KEY_SIZE)


def be_rogue(behaviour: str, fd: int) -> None:
    """Take part until the first hand-off, then do what no worker does."""
    end = socket.socket(fileno=fd)
    receive_start(end)
    end.send(encode_message(Ready()))
    end.settimeout(None)
    end.recv(MAX_DATAGRAM)
    if behaviour == "garbage":
        end.send(os.urandom(100))
    elif behaviour == "a message of the front":
        end.send(encode_message(Drain(0)))
    else:
        for number in range(10):
            for message in (
                Acknowledged(number + 100),
                Data(number, b"boo"),
                Closed(number),
                Refused(number + 100, ""),
            ):
                end.send(encode_message(message))
    time.sleep(60)


if __name__ == "__main__":
    rogue = os.environ.get("FAKE_WORKER_ROGUE", "")
    try:
        os.rename(rogue, rogue + ".taken")  # one worker alone is the rogue
    except OSError:
        pass
    else:
        be_rogue(Path(rogue + ".taken").read_text(), int(sys.argv[1]))
    sys.exit(serve(int(sys.argv[1]), make_importer))
