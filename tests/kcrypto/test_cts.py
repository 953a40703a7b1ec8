"""RFC 3962 §5 and appendix B: ciphertext stealing, and that a kept cipher changes nothing but the confounder."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given
from hypothesis import strategies as st

from puregss.kcrypto.cts import CtsDecryptor, CtsEncryptor, xor_block
from tests.vectors import load

KEY = AES(bytes(range(32)))


@pytest.mark.parametrize("vector", load("cts"), ids=lambda v: v["plaintext"])
def test_published(vector: dict[str, Any]) -> None:
    key = AES(bytes.fromhex(vector["key_hex"]))
    plaintext, ciphertext = bytes.fromhex(vector["plaintext_hex"]), bytes.fromhex(vector["ciphertext_hex"])
    encryptor = CtsEncryptor(key)
    assert b"".join(encryptor.encrypt(plaintext)) == ciphertext
    assert encryptor.chain.hex() == vector["next_iv_hex"]
    chain, decrypted = CtsDecryptor(key).decrypt(b"?" + ciphertext + b"?", 1, 1 + len(ciphertext))
    decrypted = xor_block(decrypted[:16], chain) + decrypted[16:]
    assert decrypted[: len(plaintext)] == plaintext
    assert not any(decrypted[len(plaintext) :])


@given(st.lists(st.binary(min_size=16, max_size=100), min_size=1, max_size=5))
def test_one_object_for_many_messages(messages: list[bytes]) -> None:
    """Each message is what a fresh cipher makes of it, once its first block is cleared of the chaining value."""
    encryptor, decryptor = CtsEncryptor(KEY), CtsDecryptor(KEY)
    for message in messages:
        effective = xor_block(message[:16], encryptor.chain) + message[16:]
        ciphertext = b"".join(encryptor.encrypt(message))
        assert ciphertext == b"".join(CtsEncryptor(KEY).encrypt(effective))
        chain, plaintext = decryptor.decrypt(ciphertext, 0, len(ciphertext))
        assert xor_block(plaintext[:16], chain) + plaintext[16 : len(message)] == effective


@given(st.binary(min_size=16, max_size=80), st.integers(0, 80))
def test_parts_are_taken_together(message: bytes, cut: int) -> None:
    assert CtsEncryptor(KEY).encrypt(message[:cut], b"", message[cut:]) == CtsEncryptor(KEY).encrypt(message)
