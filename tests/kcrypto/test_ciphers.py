"""What the library's classes keep of their arguments is all that ours sets."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

from puregss.kcrypto import ciphers
from puregss.kcrypto.ciphers import FittingCipher, alike, keyed

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


def test_a_library_that_sets_more_has_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert alike()
    init = AES128.__init__

    def init_and_more(self: AES128, key: bytes) -> None:
        init(self, key)
        self.__dict__["more"] = True

    monkeypatch.setattr(AES128, "__init__", init_and_more)
    assert not alike()
    monkeypatch.setattr(ciphers, "_ALIKE", False)
    made = keyed(AES128, BLOCKS[:16])
    assert vars(made)["more"]
    with pytest.raises(TypeError):
        FittingCipher("no algorithm", ECB())  # type: ignore[arg-type]  # which the library would not take either
    assert FittingCipher(made, ECB()).encryptor().update(BLOCKS) == Cipher(made, ECB()).encryptor().update(BLOCKS)
