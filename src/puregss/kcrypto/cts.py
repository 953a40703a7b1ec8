"""RFC 3962 §5: CBC with ciphertext stealing (the last two blocks always swapped), on ciphers that are kept.

A new cipher object costs as much as all other work on a small message, so one object serves many messages. CBC
carries its chaining value (the last block of the last message) into the next message, where it is xored to the
first block. RFC 3961 wants a zero chaining value there, and puts a random confounder into the first block; so the
carried value is cancelled, or taken as part of the confounder. This is sound because

- the block fed first is fresh and random for every message, hence so is its xor with a value known before;
- whoever authenticates the confounder authenticates the effective one, `block xor chain`;
- each object is used under its owner's lock, and is thrown away if anything raises while it is in use.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 16
ZERO_BLOCK = bytes(BLOCK)
_PADDING = [bytes(n) for n in range(BLOCK)]


def xor_block(left: bytes, right: bytes) -> bytes:
    """The xor of two blocks."""
    return (int.from_bytes(left, "little") ^ int.from_bytes(right, "little")).to_bytes(BLOCK, "little")


class CtsEncryptor:
    """Encrypts messages one after the other. `chain` is what the next one's first block will be xored with."""

    __slots__ = ("_update", "chain")

    def __init__(self, algorithm: CipherAlgorithm) -> None:
        self._update = Cipher(algorithm, CBC(ZERO_BLOCK)).encryptor().update
        self.chain = ZERO_BLOCK

    def encrypt(self, *parts: bytes) -> tuple[bytes, bytes, bytes]:
        """The ciphertext of the parts taken together, at least 16 octets, in three pieces to be joined."""
        data = b"".join(parts)
        padding = -len(data) & 15
        blocks = self._update(data + _PADDING[padding] if padding else data)
        self.chain = last = blocks[-16:]
        return blocks[:-32], last, blocks[-32 : len(blocks) - 16 - padding]


class CtsDecryptor:
    """Decrypts messages one after the other."""

    __slots__ = ("_chain", "_update")

    def __init__(self, algorithm: CipherAlgorithm) -> None:
        self._update = Cipher(algorithm, CBC(ZERO_BLOCK)).decryptor().update
        self._chain = ZERO_BLOCK

    def decrypt(self, data: bytes, start: int, end: int) -> tuple[bytes, bytes]:
        """Decrypt `data[start:end]`, at least 16 octets.

        Gives (chain, plaintext): the plaintext's first block is still to be xored with chain, and the plaintext
        is followed by zero octets up to a whole block.
        """
        padding = (start - end) & 15
        swapped = end + padding - 32
        if swapped < start:
            feed = last = data[start:end]
        else:
            last = data[swapped : swapped + 16]
            stolen = data[swapped + 16 : end]
            if padding:
                stolen += xor_block(self._update(last), self._chain)[16 - padding :]
                self._chain = last
            feed = b"".join((data[start:swapped], stolen, last))
        chain, self._chain = self._chain, last
        return chain, self._update(feed)
