"""Per-message calls. Both implementations have the same names, so one function drives either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

from bench.driver import MAX_BATCH, Row, Side
from bench.pairs import established

SIZES = {16: (1.4, 2), 64: (1.4, 2), 256: (1.4, 2), 1024: (1.8, 2.5), 4096: (2.5, 3), 16384: (3, 4), 65536: (3, 4)}
SIZES |= {1 << 20: (3, 4)}
_MEMORY = 64 << 20  # octets of prepared tokens at a time


def wrap(gss: Any, service: str, size: int) -> Side:
    """Confidential wrap of messages of `size` octets."""
    initiator, _ = established(gss, service)
    message = bytes(size)

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            for _ in repeat(None, calls):
                initiator.wrap(message, True)

        return work

    return prepare


def unwrap(gss: Any, service: str, size: int) -> Side:
    """Unwrap of such messages, in order."""
    initiator, acceptor = established(gss, service)
    message = bytes(size)

    def prepare(calls: int) -> Callable[[], None]:
        tokens = [initiator.wrap(message, True).message for _ in range(calls)]

        def work() -> None:
            for token in tokens:
                acceptor.unwrap(token)

        return work

    return prepare


def get_mic(gss: Any, service: str, size: int) -> Side:
    """get_mic of messages of `size` octets."""
    initiator, _ = established(gss, service)
    message = bytes(size)

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            for _ in repeat(None, calls):
                initiator.get_signature(message)

        return work

    return prepare


def verify_mic(gss: Any, service: str, size: int) -> Side:
    """verify_mic of such messages, in order."""
    initiator, acceptor = established(gss, service)
    message = bytes(size)

    def prepare(calls: int) -> Callable[[], None]:
        tokens = [initiator.get_signature(message) for _ in range(calls)]

        def work() -> None:
            for token in tokens:
                acceptor.verify_signature(message, token)

        return work

    return prepare


def rows(ours: Any, theirs: Any, service: str) -> Iterator[Row]:
    """The rows of one enctype."""
    for size, (least, goal) in SIZES.items():
        most = max(4, min(MAX_BATCH, _MEMORY // (size + 100)))
        for call in (wrap, unwrap):
            name = f"{call.__name__} {_size(size)}"
            yield Row(name, call(ours, service, size), call(theirs, service, size), least, goal, most)
    for call in (get_mic, verify_mic):
        yield Row(f"{call.__name__} 64 B", call(ours, service, 64), call(theirs, service, 64), 1.5, 2)


def _size(size: int) -> str:
    for unit, octets in (("MiB", 1 << 20), ("KiB", 1024)):
        if size >= octets:
            return f"{size // octets} {unit}"
    return f"{size} B"
