"""RFC 3962 §5: CBC with ciphertext stealing (the last two blocks always swapped), on ciphers that are kept.

A new cipher object costs as much as all other work on a small message, so one object serves many messages. CBC
carries its chaining value (the last block of the last message) into the next one, where RFC 3961 wants zero.

Decrypting, a block of zeros goes first: what comes out for it means nothing, and the next block is chained to zero.

Encrypting, the first block of a message is a random confounder; whatever it is xored with becomes part of it. This
is sound because the block fed is fresh and random for every message, hence so is its xor with a value known before,
and because whoever authenticates the confounder (`sealing.py`) authenticates the effective one, `block xor chain`.

Each object is used by one thread at a time, and is thrown away by its owner if anything raises while it is in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.ciphers import CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.modes import CBC

from puregss.kcrypto.ciphers import FittingCipher

BLOCK: Final = 16
ZERO_BLOCK: Final = bytes(BLOCK)
_MODE: Final = CBC(ZERO_BLOCK)
_number: Final = int.from_bytes
_PADDING: Final = [bytes(n) for n in range(BLOCK)]

LARGE: Final = 1 << 15
"""Octets from which on a message is worked through in chunks of this size, which the processor's caches hold, and
memory is taken for the result alone: fresh memory from the kernel costs more than ciphers do."""


def xor_block(left: bytes, right: bytes) -> bytes:
    """The xor of two blocks."""
    return (_number(left) ^ _number(right)).to_bytes(16)


class CtsEncryptor:
    """Encrypts messages one after the other. `_chain` is what the next one's first block will be xored with."""

    __slots__ = ("_chain", "_cipher")

    def __init__(self, algorithm: CipherAlgorithm) -> None:
        self._cipher = FittingCipher(algorithm, _MODE).encryptor()
        self._chain = ZERO_BLOCK

    def encrypt(self, block: bytes, message: bytes) -> tuple[bytes, bytes, bytes]:
        """The ciphertext of a first block and what follows it, in three pieces to be joined."""
        padding = -len(message) & 15
        blocks = self._cipher.update(block + message + _PADDING[padding])
        self._chain = last = blocks[-16:]
        return blocks[:-32], last, blocks[-32 : len(blocks) - 16 - padding]

    def encrypt_large(self, block: bytes, message: bytes, trailer: bytes) -> Iterator[bytes]:
        """The same of `message | trailer` piece by piece, for messages of at least 48 octets."""
        yield self._cipher.update(block)
        whole = (len(message) & -16) - 32
        view = memoryview(message)
        for at in range(0, whole, LARGE):
            yield self._cipher.update(view[at : min(at + LARGE, whole)])
        yield from self.encrypt(message[whole : whole + 16], message[whole + 16 :] + trailer)


class CtsDecryptor:
    """Decrypts messages one after the other."""

    __slots__ = ("_cipher",)

    def __init__(self, algorithm: CipherAlgorithm) -> None:
        self._cipher = FittingCipher(algorithm, _MODE).decryptor()

    def decrypt(self, data: bytes, start: int, end: int) -> bytes:
        """Decrypt `data[start:end]`, at least 16 octets.

        The plaintext stands in the result at offset 16, behind a block without meaning; what follows it is padding.
        """
        padding = (start - end) & 15
        swapped = end + padding - 32
        if swapped < start:
            return self._cipher.update(ZERO_BLOCK + data[start:end])
        last = data[swapped : swapped + 16]
        stolen = self._stolen(last, padding) if padding else b""
        return self._cipher.update(b"".join((ZERO_BLOCK, data[start:swapped], data[swapped + 16 : end], stolen, last)))

    def decrypt_large(self, data: bytes, start: int, end: int) -> Iterator[bytes]:
        """The plaintext itself, of at least 48 octets, piece by piece; the first piece is the first block."""
        padding = (start - end) & 15
        swapped = end + padding - 32
        last = data[swapped : swapped + 16]
        end_block = data[swapped + 16 : end] + self._stolen(last, padding)
        yield self._cipher.update(ZERO_BLOCK + data[start : start + 16])[16:]
        view = memoryview(data)
        for at in range(start + 16, swapped, LARGE):
            yield self._cipher.update(view[at : min(at + LARGE, swapped)])
        yield self._cipher.update(end_block + last)[: 32 - padding]

    def _stolen(self, last: bytes, padding: int) -> bytes:
        """The last `padding` octets of the block before `last`, which the ciphertext goes without."""
        return self._cipher.update(ZERO_BLOCK + last)[32 - padding :]
