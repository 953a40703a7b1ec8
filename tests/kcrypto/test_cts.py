"""RFC 3962 §5 and appendix B: ciphertext stealing, and that a kept cipher changes nothing but the confounder."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from puregss.kcrypto.cts import LARGE, CtsDecryptor, CtsEncryptor, xor_block
from tests.vectors import load

KEY = AES(bytes(range(32)))


def encrypt(encryptor: CtsEncryptor, plaintext: bytes) -> bytes:
    return b"".join(encryptor.encrypt(plaintext[:16], plaintext[16:]))


@pytest.mark.parametrize("vector", load("cts"), ids=lambda v: v["plaintext"])
def test_published(vector: dict[str, Any]) -> None:
    key = AES(bytes.fromhex(vector["key_hex"]))
    plaintext, ciphertext = bytes.fromhex(vector["plaintext_hex"]), bytes.fromhex(vector["ciphertext_hex"])
    encryptor = CtsEncryptor(key)
    assert encrypt(encryptor, plaintext) == ciphertext
    assert encryptor._chain.hex() == vector["next_iv_hex"]
    decrypted = CtsDecryptor(key).decrypt(b"?" + ciphertext + b"?", 1, 1 + len(ciphertext))
    assert decrypted[16 : 16 + len(plaintext)] == plaintext
    assert not any(decrypted[16 + len(plaintext) :])


@given(st.lists(st.binary(min_size=16, max_size=100), min_size=1, max_size=5))
def test_one_object_for_many_messages(messages: list[bytes]) -> None:
    """Each message is what a fresh cipher makes of it, once its first block is cleared of the chaining value."""
    encryptor, decryptor = CtsEncryptor(KEY), CtsDecryptor(KEY)
    for message in messages:
        effective = xor_block(message[:16], encryptor._chain) + message[16:]
        ciphertext = encrypt(encryptor, message)
        assert ciphertext == encrypt(CtsEncryptor(KEY), effective)
        assert decryptor.decrypt(ciphertext, 0, len(ciphertext))[16 : 16 + len(message)] == effective


@pytest.mark.parametrize("size", [64, 65, 79, 80, *(2 * LARGE + n for n in range(-17, 66, 3))])
def test_large_messages_go_in_chunks(size: int) -> None:
    """One pass of CBC and a swap, made here the plain way, is what the chunks add up to."""
    message = bytes(16) + os.urandom(size - 16)
    blocks = Cipher(KEY, CBC(bytes(16))).encryptor().update(message + bytes(-size % 16))
    expected = (blocks[:-32] + blocks[-16:] + blocks[-32:-16])[:size]
    for trailer in (0, 7, 16):
        encryptor = CtsEncryptor(KEY)
        pieces = list(encryptor.encrypt_large(message[:16], message[16 : size - trailer], message[size - trailer :]))
        assert b"".join(pieces) == expected
        assert encryptor._chain == blocks[-16:]
    decryptor = CtsDecryptor(KEY)
    for _ in range(2):
        pieces = list(decryptor.decrypt_large(b"??" + expected + b"?", 2, 2 + size))
        assert len(pieces[0]) == 16
        assert b"".join(pieces) == message
