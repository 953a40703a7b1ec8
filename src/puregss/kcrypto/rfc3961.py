"""RFC 3961 §5.1: n-fold, and key derivation by encrypting a constant over and over."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import lcm
from operator import add
from struct import Struct

from cryptography.hazmat.primitives.ciphers import CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.modes import ECB

from puregss.kcrypto.ciphers import FittingCipher


def n_fold(octets: bytes, size: int) -> bytes:
    """n-fold: `octets`, at least one, stretched or folded to `size` octets."""
    bits = len(octets) * 8
    value = int.from_bytes(octets, "big")
    stretched = b""
    for turn in range(lcm(len(octets), size) // len(octets)):
        shift = 13 * turn % bits
        rotated = value >> shift | value << (bits - shift) & (1 << bits) - 1
        stretched += rotated.to_bytes(len(octets), "big")
    # Ones' complement addition of the pieces: the carry out of the top comes in again at the bottom.
    total = sum(int.from_bytes(stretched[at : at + size], "big") for at in range(0, len(stretched), size))
    mask = (1 << size * 8) - 1
    while total > mask:
        total = (total & mask) + (total >> size * 8)
    return total.to_bytes(size, "big")


_MODE = ECB()


@lru_cache(maxsize=256)
def _folded(constants: tuple[bytes, ...]) -> tuple[bytes, Callable[[bytes], tuple[bytes, ...]]]:
    """The constants as blocks in a row, and what parts such a row again."""
    return b"".join([n_fold(constant, 16) for constant in constants]), Struct("16s" * len(constants)).unpack


def derive(algorithm: CipherAlgorithm, size: int, constants: tuple[bytes, ...]) -> list[bytes]:
    """DK for a cipher of 16-octet blocks whose keys are 16 or 32 octets; one result for each constant.

    The chains of all constants are encrypted side by side, for a cipher object costs more than what it is used for.
    """
    encrypt = FittingCipher(algorithm, _MODE).encryptor().update
    folded, blocks_of = _folded(constants)
    first = encrypt(folded)
    if size == 16:
        return list(blocks_of(first))
    return [*map(add, blocks_of(first), blocks_of(encrypt(first)))]
