"""Per-message calls. Both implementations have the same names, so one function drives either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA384
from cryptography.hazmat.primitives.hmac import HMAC

from bench.driver import MAX_BATCH, Row, Side
from bench.pairs import enctype_of, established

SIZES = {16: (1.4, 2), 64: (1.4, 2), 256: (1.4, 2), 1024: (1.8, 2.5), 4096: (2.5, 3), 16384: (3, 4), 65536: (3, 4)}
SIZES |= {1 << 20: (3, 4)}
LIMITED = (16384, 65536, 1 << 20)
"""Sizes of messages whose cost is nearly all OpenSSL's."""
_HASHES = {18: SHA1(), 20: SHA384()}
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


def openssl(service: str, size: int) -> Side:
    """OpenSSL's cipher and MAC over `size` octets, one after the other, keys and memory at hand: every wrap's limit."""
    cipher = Cipher(AES256(bytes(32)), CBC(bytes(16))).encryptor()
    mac = HMAC(bytes(32), _HASHES[enctype_of(service)])
    message, ciphertext = bytes(size), bytearray(size + 15)

    def prepare(calls: int) -> Callable[[], None]:
        def work() -> None:
            for _ in repeat(None, calls):
                cipher.update_into(message, ciphertext)
                summed = mac.copy()
                summed.update(message)
                summed.finalize()

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
    for size in LIMITED:
        name = f"wrap {_size(size)}, and OpenSSL alone"
        yield Row(name, wrap(ours, service, size), openssl(service, size), goal=0.7, most=_MEMORY // size)
    for call in (get_mic, verify_mic):
        yield Row(f"{call.__name__} 64 B", call(ours, service, 64), call(theirs, service, 64), 1.5, 2)


def _size(size: int) -> str:
    for unit, octets in (("MiB", 1 << 20), ("KiB", 1024)):
        if size >= octets:
            return f"{size // octets} {unit}"
    return f"{size} B"
