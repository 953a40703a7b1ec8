"""Cipher objects of `cryptography`, for algorithms and modes that fit each other by construction."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.modes import Mode


class FittingCipher(Cipher[Any]):
    """A `Cipher` that does not ask whether its mode fits its algorithm.

    The library asks anew for each object, through abstract classes: a third of what an object costs, and each context
    takes three in either process. Here every cipher has blocks of 16 octets, and the mode is ECB or CBC from a zero
    block; the size of the key is still checked where the algorithm is made. What the library asks for besides,
    `algorithm` and `mode`, is all that `encryptor` and `decryptor` read: both are public, and a test notices if there
    is more.
    """

    def __init__(self, algorithm: CipherAlgorithm, mode: Mode) -> None:  # not super's: see above
        self.algorithm = algorithm
        self.mode = mode
