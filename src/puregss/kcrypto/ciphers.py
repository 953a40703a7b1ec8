"""Cipher objects of `cryptography`, for keys, algorithms and modes that fit each other by construction.

The library asks anew for each object whether they do, through abstract classes: a third of what an object costs, and a
context takes three in either process. Here a key has the size of its encryption type (`Key` sees to it, and derivation
gives no other), every cipher has blocks of 16 octets, and the mode is ECB, or CBC from a zero block. What the library
sets besides, and what it reads, is public: `key`, `algorithm` and `mode`. A release that sets more has its own way.
"""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB, Mode


def keyed(algorithm: type[AES128 | AES256], key: bytes) -> AES128 | AES256:
    """`algorithm(key)`, of a key of the right size."""
    if not _ALIKE:
        return algorithm(key)
    made = algorithm.__new__(algorithm)
    made.key = key
    return made


class FittingCipher(Cipher[Any]):
    """A `Cipher` of an algorithm and a mode that fit."""

    def __init__(self, algorithm: CipherAlgorithm, mode: Mode) -> None:
        if not _ALIKE:
            super().__init__(algorithm, mode)
            return
        self.algorithm = algorithm
        self.mode = mode


def alike() -> bool:
    """Whether what is made here is what the library makes."""
    try:
        key, mode = bytes(16), ECB()
        algorithm = AES128(key)
        made, cipher = keyed(AES128, key), FittingCipher(algorithm, mode)
        return vars(made) == vars(algorithm) and vars(cipher) == vars(Cipher(algorithm, mode))
    except Exception:  # such as classes that came to be without a dict
        return False


_ALIKE = True  # until the first two are made, which tell
_ALIKE = alike()
