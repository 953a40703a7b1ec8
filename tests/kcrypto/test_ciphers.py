"""What the library's classes keep of their arguments is all that ours sets."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from puregss.kcrypto.ciphers import FittingCipher, keyed

BLOCKS = bytes(range(48))


@pytest.mark.parametrize(("algorithm", "size"), [(AES128, 16), (AES256, 32)])
def test_it_is_the_librarys_algorithm(algorithm: type[AES128 | AES256], size: int) -> None:
    ours, theirs = keyed(algorithm, BLOCKS[:size]), algorithm(BLOCKS[:size])
    assert type(ours) is type(theirs)
    assert vars(ours) == vars(theirs)


@pytest.mark.parametrize("algorithm", [AES128(bytes(range(16))), AES256(bytes(range(32)))], ids=lambda a: a.key_size)
@pytest.mark.parametrize("mode", [ECB(), CBC(bytes(16))], ids=lambda m: m.name)
def test_it_is_the_librarys_cipher(algorithm: AES128 | AES256, mode: ECB | CBC) -> None:
    ours, theirs = FittingCipher(algorithm, mode), Cipher(algorithm, mode)
    assert vars(ours) == vars(theirs)
    assert ours.encryptor().update(BLOCKS) == theirs.encryptor().update(BLOCKS)
    assert ours.decryptor().update(BLOCKS) == theirs.decryptor().update(BLOCKS)
